/** Sorts layers or nodes so that each follows its inputs. */
import { dataError } from "../../base/errors.ts";

interface Step {
  readonly name: string;
  /** The names of its inputs. */
  readonly from: readonly string[];
}

/** Sorts steps so that each follows its inputs. Throws a data error for a cycle, a missing or a repeated step. */
export function inOrder<T extends Step>(steps: readonly T[], source: string): T[] {
  const missing = new Map<string, number>();
  const readers = new Map<string, T[]>();
  for (const step of steps) {
    if (missing.has(step.name))
      throw dataError(`${source} has two layers called "${step.name}": the model is damaged.`);
    const from = new Set(step.from);
    missing.set(step.name, from.size);
    for (const name of from) {
      const list = readers.get(name);
      if (list) list.push(step);
      else readers.set(name, [step]);
    }
  }
  const ordered = steps.filter(({ from }) => from.length === 0);
  // The loop appends to the list.
  for (const { name } of ordered) {
    for (const reader of readers.get(name) ?? []) {
      const left = missing.get(reader.name)! - 1;
      missing.set(reader.name, left);
      if (left === 0) ordered.push(reader);
    }
  }
  if (ordered.length < steps.length) {
    const stuck = steps.find(({ name }) => missing.get(name)! > 0)!;
    throw dataError(
      `The layer "${stuck.name}" of ${source} depends on itself or on a missing layer: the model is damaged.`,
    );
  }
  return ordered;
}
