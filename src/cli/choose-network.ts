/** What `--network` names; `auto` is what a recommendation says. */

import { gatherCandidates } from "../advise/recommend/candidates.ts";
import { recommend } from "../advise/recommend/recommend.ts";
import { usageError } from "../base/errors.ts";
import type { ProgressLine } from "../base/progress-line.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { DEFAULT_NETWORK } from "../zoo/catalogue.ts";
import { note } from "./output.ts";

interface Flags {
  readonly network: string;
  readonly weights?: string;
  readonly seed: number;
  readonly offline?: boolean;
}

/** The network to open. Throws a usage error where `auto` is given with weights of the user's own. */
export async function chooseNetwork(
  { network, weights, seed, offline }: Flags,
  dataset: Dataset,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<string> {
  if (network !== "auto") return network;
  if (weights !== undefined)
    throw usageError(
      "--network auto chooses among networks with weights: leave --weights out, or name its architecture.",
    );
  const tell = (text: string): void => {
    line.end();
    note(text);
  };
  const field = await gatherCandidates(offline ? { offline } : {});
  const found = await recommend({ dataset, field, seed, onProgress: line.show, onNote: tell, signal });
  signal.throwIfAborted();
  tell(found.reason);
  if (found.recommended === undefined) tell(`Training with ${DEFAULT_NETWORK}, as where no network is named.`);
  return found.recommended ?? DEFAULT_NETWORK;
}
