/** Layers or nodes so ordered that each follows those it reads. */
import { dataError } from "../../base/errors.ts";

interface Step {
  readonly name: string;
  /** Names of the steps that it reads. */
  readonly from: readonly string[];
}

/** Sorts steps, each once, after those it reads. Throws a data error on a cycle, a missing or a repeated step. */
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
  // The list grows while it is walked.
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
      `The layer "${stuck.name}" of ${source} waits for itself or for a layer that is not there: the model is damaged.`,
    );
  }
  return ordered;
}
