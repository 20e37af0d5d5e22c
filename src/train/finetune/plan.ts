/**
 * What `--unfreeze` means for a network: which of its stages train, and where the frozen part ends. Weights and graphs are
 * taken apart in tail.ts.
 */
import { usageError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { StageCost } from "../../zoo/stages.ts";

/** Which stages train. */
export interface Unfrozen {
  /** Names of the trainable stages, in order; the head always trains. */
  readonly stages: readonly string[];
  /** All stages of the network, in order. */
  readonly all: readonly StageCost[];
  /** The tensor in which the last frozen stage ends, by the network's own name; nothing where everything trains. */
  readonly boundary: string | undefined;
}

/**
 * Reads `--unfreeze`: the name of a stage (it and all after it train), `all`, or a number of last stages. A stage's own name
 * goes before the number.
 *
 * @param network its name, for the message
 * @throws GraftError (`usage`) listing the real stages where there is none of that name, or not as many
 */
export function unfrozen(all: readonly StageCost[], wanted: string, network: string): Unfrozen {
  const first = firstTrainable(
    all.map(({ name }) => name),
    wanted,
    network,
  );
  return { stages: all.slice(first).map(({ name }) => name), all, boundary: all[first - 1]?.output };
}

function firstTrainable(names: readonly string[], wanted: string, network: string): number {
  const named = names.indexOf(wanted);
  if (named >= 0) return named;
  if (wanted === "all") return 0;
  const list = `the stages of ${network} are ${names.join(", ")}`;
  if (/^\d+$/.test(wanted)) {
    const count = Number(wanted);
    if (count >= 1 && count <= names.length) return names.length - count;
    throw usageError(`--unfreeze ${wanted} does not fit: give 1 to ${names.length}, a stage, or none; ${list}.`);
  }
  const [near] = nearest(wanted, names);
  throw usageError(
    `There is no stage "${wanted}"${near === undefined ? "" : `, did you mean "${near}"`}: ${list}; none and all are possible too.`,
  );
}
