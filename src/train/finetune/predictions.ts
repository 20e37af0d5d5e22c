/** What a trainable part predicts for stored images. */
import { LOGITS } from "../../artifact/contract.ts";
import type { Session } from "../../runtime/session.ts";
import type { Location } from "../features/record-store.ts";
import type { Reader } from "./batches.ts";
import type { Weights } from "./step-runner.ts";
import { STORED } from "./trainable-part.ts";

export interface PredictionOptions {
  /** An evaluation model, see tail.ts. */
  readonly session: Session;
  readonly reader: Reader;
  readonly dims: ReadonlyMap<string, readonly number[]>;
  readonly batch: number;
  readonly classes: number;
}

/** `[N, C]` logits of stored images. The last batch is full too: what was in the reader's buffer is predicted too and dropped. */
export async function logitsOf(
  weights: Weights,
  locations: readonly Location[],
  { session, reader, dims, batch, classes }: PredictionOptions,
): Promise<Float32Array> {
  const fed = Object.fromEntries([...weights].map(([name, data]) => [name, { dims: dims.get(name)!, data }]));
  const logits = new Float32Array(locations.length * classes);
  for (let first = 0; first < locations.length; first += batch) {
    const chunk = locations.slice(first, first + batch);
    const result = await session.run({ [STORED]: reader(chunk), ...fed });
    logits.set((result[LOGITS]!.data as Float32Array).subarray(0, chunk.length * classes), first * classes);
  }
  return logits;
}
