/** An architecture that Graft builds, with the weights of a file. */
import type { Model } from "../graph/model.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Definition } from "./architectures/definition.ts";
import { withPositions } from "./architectures/position-embedding.ts";
import { withWeights } from "./architectures/weights.ts";
import { openRanges } from "./weights/ranges.ts";
import { openSafetensors } from "./weights/safetensors/read.ts";

/** The definition's model with the weights of a safetensors file under timm's names. */
export async function withWeightsOf(definition: Definition, path: string): Promise<Model> {
  const file = await openSafetensors(await openRanges(path));
  try {
    const weights = new Map<string, Tensor>();
    for (const name of file.entries.keys()) weights.set(name, await file.read(name));
    return withWeights(definition, withPositions(definition, weights));
  } finally {
    await file.close();
  }
}
