/** Asking a network's own classifier about some of the user's pictures. */

import { isDataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { decodeImage } from "../../data/decode.ts";
import { openModel } from "../../runtime/open-model.ts";
import { createRunner } from "../../train/features/runner.ts";
import type { CutShape } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { type Confidence, confidenceOf, FEWEST_CLASSES } from "./confidence.ts";

/** Pictures that are asked about. */
export const ASKED = 32;
const BATCH = 8;

/**
 * How sure the network's classifier is of the first {@link ASKED} readable pictures. Nothing where the network ends in features, or
 * in fewer classes than naming things takes.
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
  // Only its preparation is used: it opens nothing else.
  const runner = createRunner(network, shape);
  const session = await openModel(model);
  try {
    const answers: Float32Array[] = [];
    let classes = 0;
    for (let from = 0; from < Math.min(paths.length, ASKED); from += BATCH) {
      const prepared = await preparedPictures(runner.prepare, paths.slice(from, Math.min(from + BATCH, ASKED)));
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
      answers.push(result.data);
    }
    if (answers.length === 0) return undefined;
    const all = new Float32Array(answers.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of answers) {
      all.set(part, at);
      at += part.length;
    }
    return confidenceOf(all, classes);
  } finally {
    await session.close();
    await runner.close();
  }
}

async function preparedPictures(
  prepare: ReturnType<typeof createRunner>["prepare"],
  paths: readonly string[],
): Promise<Float32Array[]> {
  const prepared: Float32Array[] = [];
  for (const path of paths) {
    try {
      prepared.push(await prepare(await decodeImage(await readBytes(path))));
    } catch (error) {
      // Unreadable pictures are listed where features are computed.
      if (!isDataError(error)) throw error;
    }
  }
  return prepared;
}
