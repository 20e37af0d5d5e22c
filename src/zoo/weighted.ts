/** An architecture that Graft builds, with the weights of a file: what `--weights` names, and what a hub sends. */
import { basename } from "node:path";
import { usageError } from "../base/errors.ts";
import { sha256, sha256OfFile } from "../base/files.ts";
import { nearest } from "../base/nearest.ts";
import type { Model } from "../graph/model.ts";
import type { Tensor } from "../graph/tensor.ts";
import { wholeMapConvolutionsAsGemm } from "../graph/whole-map-convolution.ts";
import { inferShapes } from "../runtime/shapes.ts";
import type { Definition } from "./architectures/definition.ts";
import { isClassifiers, withoutClassifier } from "./architectures/headless.ts";
import { architectures, define } from "./architectures/registry.ts";
import { withWeights } from "./architectures/weights.ts";
import { catalogue, catalogued } from "./catalogue.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open.ts";
import { preprocessingPresets } from "./preprocessing.ts";
import { openRanges } from "./weights/ranges.ts";
import { openSafetensors } from "./weights/safetensors/read.ts";

/** The definition's model with the weights of a file, without a classifier where the file has none. */
export async function withWeightsOf(definition: Definition, path: string): Promise<Model> {
  const file = await openSafetensors(await openRanges(path));
  try {
    const weights = new Map<string, Tensor>();
    for (const name of file.entries.keys()) weights.set(name, await file.read(name));
    const isWhole = [...weights.keys()].some((name) => isClassifiers(definition, name));
    const model = withWeights(isWhole ? definition : withoutClassifier(definition), weights);
    const { inputSize } = definition;
    const shapes = await inferShapes(model, { image: [1, 3, inputSize, inputSize] });
    return { ...model, graph: wholeMapConvolutionsAsGemm(model.graph, shapes) };
  } finally {
    await file.close();
  }
}

/**
 * Opens an architecture with the weights of a file on this disk.
 *
 * @param name of an architecture, or of a network in the catalogue that has one
 * @throws GraftError (`usage`) where there is no such architecture or file; (`data`) where the weights are another's
 */
export async function openWeighted(name: string, path: string, { cut }: OpenOptions = {}): Promise<Network> {
  const architecture = catalogued(name)?.architecture ?? name;
  if (!architectures.has(architecture)) {
    const near = nearest(name, [...architectures.keys()]);
    throw usageError(
      `--weights takes an architecture's name for --network, and "${name}" is none: the nearest are ${near.join(", ")}.`,
    );
  }
  const published = catalogue.find((row) => row.source.kind === "hub" && row.architecture === architecture);
  const definition = define(architecture, published ? { inputSize: published.inputSize } : {});
  const { inputSize, features } = definition;
  const preprocessing = published?.preprocessing ?? {
    size: inputSize,
    fit: { kind: "stretch" },
    interpolation: "bicubic",
    layout: "nchw",
    ...preprocessingPresets.imagenet,
  };
  return {
    name: architecture,
    description: `${architecture} with the weights in ${basename(path)}.`,
    licence: "unknown (see where the weights came from)",
    source: basename(path),
    sha256: sha256(`${await sha256OfFile(path)} ${architecture} ${inputSize}`),
    model: await withWeightsOf(definition, path),
    preprocessing,
    preprocessingFrom: `what ${architecture} is usually published with`,
    cut: cut ?? features.tensor,
  };
}
