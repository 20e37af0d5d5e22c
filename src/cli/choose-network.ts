/** Resolves `--network`; `auto` runs a recommendation. */

import { gatherCandidates } from "../advise/recommend/candidates.ts";
import { recommend } from "../advise/recommend/recommend.ts";
import type { ProgressLine } from "../base/progress-line.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { DEFAULT_NETWORK } from "../zoo/catalogue.ts";
import { note } from "./output.ts";

interface Flags {
  readonly network: string;
  readonly seed: number;
  readonly offline?: boolean | undefined;
}

/** The name of the network to open. */
export async function chooseNetwork(
  { network, seed, offline }: Flags,
  dataset: Dataset,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<string> {
  if (network !== "auto") return network;
  const tell = (text: string): void => {
    line.end();
    note(text);
  };
  const field = await gatherCandidates({ offline });
  const found = await recommend({ dataset, field, seed, onProgress: line.show, onNote: tell, signal });
  tell(found.reason);
  if (found.recommended === undefined) tell(`Training with the default network, ${DEFAULT_NETWORK}.`);
  return found.recommended ?? DEFAULT_NETWORK;
}
