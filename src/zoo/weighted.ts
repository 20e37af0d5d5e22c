/** An architecture that Graft builds, with the weights of a file: what `--weights` names, and what a hub sends. */
import { basename } from "node:path";
import { usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { nearest } from "../base/nearest.ts";
import type { Model } from "../graph/model.ts";
import { wholeMapConvolutionsAsGemm } from "../graph/whole-map-convolution.ts";
import { type HubFile, hubFileOf } from "../hub/huggingface/address.ts";
import { damagedFailure } from "../hub/huggingface/failures.ts";
import { fetchAgain, fetchHubFile, type HubOptions } from "../hub/huggingface/fetch.ts";
import { isWhole } from "../hub/huggingface/store.ts";
import { inferShapes } from "../runtime/shapes.ts";
import type { Definition } from "./architectures/definition.ts";
import { architectures } from "./architectures/registry.ts";
import { withWeights } from "./architectures/weights.ts";
import { type CatalogueEntry, catalogue, catalogued } from "./catalogue.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";
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
  /** Of the file, hexadecimal: of the bytes that the weights were read from. */
  readonly sha256: string;
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
    const digest = file.digest();
    const { definition, weights, naming } = await loadWeights(define, file, { inputSize, others: architectures });
    const model = withWeights(definition, weights);
    const side = definition.inputSize;
    const shapes = await inferShapes(model, { image: [1, 3, side, side] });
    const graph = wholeMapConvolutionsAsGemm(model.graph, shapes);
    return { definition, naming, model: { ...model, graph }, sha256: await digest() };
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

/**
 * {@link weigh} with a file of a hub. Where the cache's file is not as it came, it is fetched again.
 *
 * @throws GraftError as {@link weigh}; (`work`) where the hub's file cannot be had, or is damaged and cannot be fetched again
 */
export async function weighHubFile(
  architecture: string,
  of: HubFile,
  asked: HubOptions,
  inputSize?: number,
): Promise<Weighted & { readonly commit: string }> {
  const file = await fetchHubFile(of, asked);
  try {
    const weighed = await weigh(architecture, file.path, inputSize);
    if (weighed.sha256 === file.sha256) return { ...weighed, commit: file.commit };
  } catch (error) {
    // What is wrong with a file that is as it came is not the cache's fault.
    if (await isWhole(file)) throw error;
  }
  const again = await fetchAgain(of, file, asked);
  const weighed = await weigh(architecture, again.path, inputSize);
  if (weighed.sha256 !== again.sha256) throw damagedFailure(again.path, "it was damaged again as soon as it was there");
  return { ...weighed, commit: again.commit };
}

/** Weights of one's own, and what to call them. */
interface Given extends Weighted {
  readonly called: string;
  /** Where they came from. */
  readonly source: string;
}

async function given(
  architecture: string,
  weights: string,
  size: number | undefined,
  { onProgress, offline }: OpenOptions,
): Promise<Given> {
  const file = hubFileOf(weights);
  const name = basename(weights);
  if (!file) return { ...(await weigh(architecture, weights, size)), called: name, source: name };
  const weighed = await weighHubFile(architecture, file, { onProgress, offline }, size);
  const called = `${file.repo}/${file.file}`;
  return { ...weighed, called, source: `hub:${called}@${weighed.commit}` };
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
  const published = catalogue.find((row) => row.source.kind === "hub" && row.architecture === architecture);
  // DINOv2 is run at another size than it was published for.
  const weighed = await given(architecture, weights, sizeFor(published), options);
  const { definition, model, naming, called, source } = weighed;
  const { preset, from } = normalisationOf(naming, architecture, published, options.preprocessing);
  return {
    name: architecture,
    description: `${architecture} with the weights in ${called}.`,
    licence: "unknown (see where the weights came from)",
    source,
    sha256: sha256(`${weighed.sha256} ${architecture} ${definition.inputSize}`),
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
    cuts: options.cut === undefined ? undefined : [],
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
