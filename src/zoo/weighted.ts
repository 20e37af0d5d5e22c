/** An architecture that Graft builds, with the weights of a file: what `--weights` names, and what a hub sends. */
import { basename } from "node:path";
import { usageError } from "../base/errors.ts";
import { sha256, sha256OfFile } from "../base/files.ts";
import { nearest } from "../base/nearest.ts";
import type { Model } from "../graph/model.ts";
import { wholeMapConvolutionsAsGemm } from "../graph/whole-map-convolution.ts";
import { hubFileOf } from "../hub/huggingface/address.ts";
import { fetchHubFile } from "../hub/huggingface/fetch.ts";
import { inferShapes } from "../runtime/shapes.ts";
import type { Definition } from "./architectures/definition.ts";
import { architectures } from "./architectures/registry.ts";
import { withWeights } from "./architectures/weights.ts";
import { type CatalogueEntry, catalogue, catalogued } from "./catalogue.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open.ts";
import { type Preprocessing, type PresetName, preprocessingPresets } from "./preprocessing.ts";
import { loadWeights } from "./weights/load.ts";
import type { NamingKind } from "./weights/names/naming.ts";
import { openWeightFile } from "./weights/open.ts";

/** An architecture with its weights. */
export interface Weighted {
  readonly definition: Definition;
  readonly model: Model;
  /** Whose names the file's parameters have. */
  readonly naming: NamingKind;
}

/**
 * The weights of a file in an architecture, without a classifier where the file has none.
 *
 * @param architecture timm's name of it
 * @param inputSize side of the input in pixels; default as published by whoever named the weights
 * @throws GraftError (`usage`) where there is no such architecture or file; (`data`) where the weights are another's
 */
export async function weigh(architecture: string, path: string, inputSize?: number): Promise<Weighted> {
  const define = architectures.get(architecture);
  if (!define) throw noArchitecture(architecture);
  const file = await openWeightFile(path);
  try {
    const size = inputSize === undefined ? {} : { inputSize };
    const { definition, weights, naming } = await loadWeights(define, file, { ...size, others: architectures });
    const model = withWeights(definition, weights);
    const side = definition.inputSize;
    const shapes = await inferShapes(model, { image: [1, 3, side, side] });
    return { definition, naming, model: { ...model, graph: wholeMapConvolutionsAsGemm(model.graph, shapes) } };
  } finally {
    await file.close();
  }
}

function noArchitecture(name: string): Error {
  const near = nearest(name, [...architectures.keys()]);
  return usageError(
    `--weights takes an architecture's name for --network, and "${name}" is none: the nearest are ${near.join(", ")}.`,
  );
}

/** How Keras Applications normalises, by family; what it does inside the model is done before it here. */
const kerasNormalisation: Readonly<Record<string, PresetName>> = {
  vgg: "caffe",
  resnet: "caffe",
  inception: "inception",
  mobilenetv2: "inception",
  mobilenetv3: "inception",
  efficientnet: "imagenet",
  convnext: "imagenet",
};

/** A file of weights on this disk, fetched if it is a hub's. */
interface Given {
  readonly path: string;
  /** What to call it. */
  readonly called: string;
  /** Where it came from. */
  readonly source: string;
}

async function given(weights: string, { onProgress, offline }: OpenOptions): Promise<Given> {
  const file = hubFileOf(weights);
  if (!file) return { path: weights, called: basename(weights), source: basename(weights) };
  const asked = { ...(onProgress ? { onProgress } : {}), ...(offline ? { offline } : {}) };
  const { path, commit } = await fetchHubFile(file, asked);
  return { path, called: `${file.repo}/${file.file}`, source: `hub:${file.repo}/${file.file}@${commit}` };
}

/**
 * Opens an architecture with weights of one's own.
 *
 * @param name of an architecture, or of a network in the catalogue that has one
 * @param weights a file on this disk, or one of a hub as {@link hubFileOf} reads it
 * @throws GraftError as {@link weigh}; (`work`) where the hub's file cannot be had
 */
export async function openWeighted(name: string, weights: string, options: OpenOptions = {}): Promise<Network> {
  const architecture = catalogued(name)?.architecture ?? name;
  if (!architectures.has(architecture)) throw noArchitecture(architecture);
  const { path, called, source } = await given(weights, options);
  const published = catalogue.find((row) => row.source.kind === "hub" && row.architecture === architecture);
  // DINOv2 is run at another size than it was published for.
  const { definition, model, naming } = await weigh(architecture, path, sizeFor(published));
  const { preset, from } = normalisationOf(naming, architecture, published, options.preprocessing);
  return {
    name: architecture,
    description: `${architecture} with the weights in ${called}.`,
    licence: "unknown (see where the weights came from)",
    source,
    sha256: sha256(`${await sha256OfFile(path)} ${architecture} ${definition.inputSize}`),
    model,
    preprocessing: {
      size: definition.inputSize,
      fit: { kind: "stretch" },
      interpolation: "bicubic",
      layout: "nchw",
      ...preset,
    },
    preprocessingFrom: from,
    stages: definition.stages,
    cut: options.cut ?? definition.features.tensor,
  };
}

/** The size of a row whose weights have parameters that depend on it, as transformers' positions do. */
const sizeFor = (published: CatalogueEntry | undefined): number | undefined =>
  published?.family === "vit" ? published.inputSize : undefined;

type Normalisation = Pick<Preprocessing, "channels" | "mean" | "std">;

/** What the command line says, else what the weights' own project does. */
function normalisationOf(
  naming: NamingKind,
  architecture: string,
  published: CatalogueEntry | undefined,
  said: PresetName | undefined,
): { preset: Normalisation; from: string } {
  if (said !== undefined) return { preset: preprocessingPresets[said], from: `--preprocessing ${said}` };
  const keras = naming === "keras" ? kerasNormalisation[published?.family ?? ""] : undefined;
  if (keras !== undefined)
    return { preset: preprocessingPresets[keras], from: `what Keras Applications does for ${architecture}` };
  if (naming === "timm" && published) {
    const { channels, mean, std } = published.preprocessing;
    return { preset: { channels, mean, std }, from: `what timm publishes ${architecture} with` };
  }
  return { preset: preprocessingPresets.imagenet, from: `what ${naming} publishes its networks with` };
}
