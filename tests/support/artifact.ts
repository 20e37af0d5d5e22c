/** A trained model without training: the tiny network with a head of random weights, built as in `graft train`. */
import { writeFileSync } from "node:fs";
import { createRandom } from "../../src/base/random.ts";
import { buildArtifact } from "../../src/model/artifact-graph.ts";
import { permissiveUncertainty } from "../../src/model/testing.ts";
import { measureCut } from "../../src/networks/backbone/backbone.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import { tinyNetwork } from "./network.ts";

/** The classes of {@link tinyArtifact}. */
export const CLASSES = ["circle", "square", "triangle"];

/**
 * The bytes of an artifact; another seed has other weights.
 *
 * @param scratch the path of a file that may be written meanwhile
 * @param repeats further convolutions, to make it slower
 */
export async function tinyArtifact(scratch: string, seed = 1, repeats = 0): Promise<Uint8Array> {
  writeFileSync(scratch, tinyNetwork(seed, repeats));
  const network = await openNetwork(scratch, { preprocessing: "imagenet" });
  const shape = await measureCut(network);
  const random = createRandom(seed);
  const head = {
    weights: Float32Array.from({ length: CLASSES.length * shape.features }, () => 2 * (random.next() - 0.5)),
    bias: Float32Array.from(CLASSES, () => random.next()),
  };
  return encodeModelWhole(
    buildArtifact({
      network,
      shape,
      head,
      classes: CLASSES,
      temperature: 1,
      ...permissiveUncertainty(shape.features),
      graftVersion: "0.0.0",
    }),
  );
}
