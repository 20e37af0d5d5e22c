/** Runs a network's own classifier on some of the user's images. */

import { isDataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { decodeImage } from "../../data/decode.ts";
import { openModel } from "../../runtime/open-model.ts";
import { openBackbone } from "../../train/node.ts";
import type { CutShape } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { type Confidence, confidenceOf, FEWEST_CLASSES } from "./confidence.ts";

/** The number of images. */
export const GAP_IMAGES = 32;
const BATCH = 8;

/**
 * Measures the confidence of the network's classifier on the first {@link GAP_IMAGES} readable images. Undefined if the network ends in
 * features, or has too few classes.
 */
export async function readConfidence(
  network: Network,
  shape: CutShape,
  paths: readonly string[],
): Promise<Confidence | undefined> {
  const { model } = network;
  const output = model.graph.outputs[0];
  const declared = output?.dims?.at(-1);
  if (!output || (typeof declared === "number" && declared < FEWEST_CLASSES)) return undefined;
  const input = model.graph.inputs[0]!.name;
  // Only its preprocessing is used: it opens nothing else.
  const runner = openBackbone(network, shape);
  const session = await openModel(model);
  try {
    const outputs: Float32Array[] = [];
    let classes = 0;
    for (let from = 0; from < Math.min(paths.length, GAP_IMAGES); from += BATCH) {
      const prepared = await preparedImages(runner.prepare, paths.slice(from, Math.min(from + BATCH, GAP_IMAGES)));
      if (prepared.length === 0) continue;
      const data = new Float32Array(prepared.length * prepared[0]!.length);
      prepared.forEach((pixels, i) => {
        data.set(pixels, i * pixels.length);
      });
      const result = (
        await session.run({ [input]: { dims: [prepared.length, ...runner.inputDims], data } }, [output.name])
      )[output.name]!;
      classes = result.data.length / prepared.length;
      if (!(result.data instanceof Float32Array) || classes < FEWEST_CLASSES || result.dims.at(-1) !== classes)
        return undefined;
      outputs.push(result.data);
    }
    if (outputs.length === 0) return undefined;
    const all = new Float32Array(outputs.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of outputs) {
      all.set(part, at);
      at += part.length;
    }
    return confidenceOf(all, classes);
  } finally {
    await session.close();
    await runner.close();
  }
}

async function preparedImages(
  prepare: ReturnType<typeof openBackbone>["prepare"],
  paths: readonly string[],
): Promise<Float32Array[]> {
  const prepared: Float32Array[] = [];
  for (const path of paths) {
    try {
      prepared.push(await prepare(await decodeImage(await readBytes(path))));
    } catch (error) {
      // Unreadable images are listed when features are computed.
      if (!isDataError(error)) throw error;
    }
  }
  return prepared;
}
