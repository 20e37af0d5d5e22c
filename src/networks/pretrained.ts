/**
 * Opens architectures that Graft builds with pretrained weights: those of a file that `--weights` names, or of a hub. Networks of npm and
 * ONNX files are opened elsewhere.
 */
import { basename } from "node:path";
import { usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { nearest } from "../base/text.ts";
import { openWeightFile } from "../formats/open-weights.ts";
import { type HubFile, hubFileOf } from "../hub/huggingface/hub-address.ts";
import { damagedFailure } from "../hub/huggingface/hub-failures.ts";
import { fetchAgain, fetchHubFile, type HubOptions, hubFileInCache } from "../hub/huggingface/hub-fetch.ts";
import { isWhole } from "../hub/huggingface/hub-store.ts";
import { type RepositoryConfig, repositoryConfig } from "../hub/huggingface/repository-config.ts";
import type { Model } from "../onnx/model.ts";
import { wholeMapConvolutionsAsGemm } from "../onnx/passes/simplify.ts";
import { inferShapes } from "../onnx/session/shapes.ts";
import { architectures } from "./architectures/architecture-registry.ts";
import type { Definition } from "./architectures/definition.ts";
import { withWeights } from "./architectures/definition-weights.ts";
import { type CatalogueEntry, type EntryFrom, findCatalogueEntry, hubEntryOf } from "./catalogue/catalogue.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";
import { fromHubPreprocessing } from "./preprocessing/hub-preprocessing.ts";
import {
  type Normalisation,
  type Preprocessing,
  type PresetName,
  preprocessingPresets,
  stretched,
} from "./preprocessing/preprocessing.ts";
import { loadWeights } from "./weights/load-weights.ts";
import type { NamingKind } from "./weights/naming.ts";

/** An architecture with its weights. */
export interface Pretrained {
  readonly definition: Definition;
  readonly model: Model;
  /** The library whose names the file's parameters have. */
  readonly naming: NamingKind;
  /** SHA-256 of the bytes that the weights were read from, hexadecimal. */
  readonly sha256: string;
}

/**
 * Loads the weights of a file into an architecture; without a classifier where the file has none.
 *
 * @param architecture its name in timm: `resnet50`
 * @param inputSize side of the input in pixels; default: as published
 * @throws GraftError (`usage`) for an unknown architecture or a missing file; (`data`) if the weights belong to another one
 */
export async function loadPretrained(architecture: string, path: string, inputSize?: number): Promise<Pretrained> {
  const define = architectures.get(architecture);
  if (!define) throw unknownArchitecture(architecture);
  const file = await openWeightFile(path);
  try {
    const digest = file.digest();
    const { definition, weights, naming } = await loadWeights(define, file, { inputSize, others: architectures });
    return { definition, naming, model: await runnableModel(definition, weights), sha256: await digest() };
  } finally {
    await file.close();
  }
}

/** A definition with its weights as a model, rewritten so that ONNX Runtime computes whole-map convolutions fast. */
export async function runnableModel(
  definition: Definition,
  weights: Parameters<typeof withWeights>[1],
): Promise<Model> {
  const model = withWeights(definition, weights);
  const side = definition.inputSize;
  const shapes = await inferShapes(model, { image: [1, 3, side, side] });
  return { ...model, graph: wholeMapConvolutionsAsGemm(model.graph, shapes) };
}

function unknownArchitecture(name: string): Error {
  const near = nearest(name, [...architectures.keys()]);
  return usageError(
    `--weights needs the name of an architecture as --network, and "${name}" is not one; did you mean ${near.join(", ")}?`,
  );
}

/** The normalisation of Keras Applications, by family. Where Keras does it inside the model, Graft does it before. */
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
 * {@link loadPretrained} with a file of a hub. If the file in the cache is damaged, it is fetched again.
 *
 * @throws GraftError as {@link loadPretrained}; (`work`) if the hub's file cannot be fetched, or is damaged again
 */
export async function loadPretrainedFromHub(
  architecture: string,
  of: HubFile,
  hub: HubOptions,
  inputSize?: number,
): Promise<Pretrained & { readonly commit: string }> {
  const file = await fetchHubFile(of, hub);
  try {
    const pretrained = await loadPretrained(architecture, file.path, inputSize);
    if (pretrained.sha256 === file.sha256) return { ...pretrained, commit: file.commit };
  } catch (error) {
    // If the file is intact, the error is not the cache's fault.
    if (await isWhole(file)) throw error;
  }
  const again = await fetchAgain(of, file, hub);
  const pretrained = await loadPretrained(architecture, again.path, inputSize);
  if (pretrained.sha256 !== again.sha256)
    throw damagedFailure(again.path, "it was damaged again right after it was fetched");
  return { ...pretrained, commit: again.commit };
}

/** The user's own weights, with a display name. */
interface OwnWeights extends Pretrained {
  readonly called: string;
  /** Where they came from. */
  readonly source: string;
}

async function loadOwnWeights(
  architecture: string,
  weights: string,
  inputSize: number | undefined,
  { onProgress, offline }: OpenOptions,
): Promise<OwnWeights> {
  const file = hubFileOf(weights);
  const name = basename(weights);
  if (!file) return { ...(await loadPretrained(architecture, weights, inputSize)), called: name, source: name };
  const pretrained = await loadPretrainedFromHub(architecture, file, { onProgress, offline }, inputSize);
  const called = `${file.repo}/${file.file}`;
  return { ...pretrained, called, source: `hub:${called}@${pretrained.commit}` };
}

/**
 * Opens an architecture with the user's own weights.
 *
 * @param name an architecture, or a network of the catalogue that has one
 * @param weights a file on this disk, or one of a hub as {@link hubFileOf} reads it
 * @throws GraftError as {@link loadPretrained}; (`work`) if the hub's file cannot be fetched
 */
export async function openWithWeights(name: string, weights: string, options: OpenOptions = {}): Promise<Network> {
  const architecture = findCatalogueEntry(name)?.architecture ?? name;
  if (!architectures.has(architecture)) throw unknownArchitecture(architecture);
  const published = hubEntryOf(architecture);
  const loaded = await loadOwnWeights(architecture, weights, inputSizeFor(published), options);
  const { definition, model, naming, called, source } = loaded;
  const { normalisation, from } = normalisationOf(naming, architecture, published, options.preprocessing);
  return {
    name: architecture,
    description: `${architecture} with the weights in ${called}.`,
    licence: "unknown (see where the weights came from)",
    source,
    sha256: sha256(`${loaded.sha256} ${architecture} ${definition.inputSize}`),
    model,
    preprocessing: stretched(definition.inputSize, normalisation),
    preprocessingFrom: from,
    stages: definition.stages,
    cut: options.cut ?? definition.features.tensor,
    cuts: options.cut === undefined ? undefined : [],
  };
}

/** The catalogue's size for transformers: their position embeddings depend on it, and DINOv2 runs at another than published. */
const inputSizeFor = (published: CatalogueEntry | undefined): number | undefined =>
  published?.family === "vit" ? published.inputSize : undefined;

/** The normalisation that the caller names, else the one of the library that published the weights. */
function normalisationOf(
  naming: NamingKind,
  architecture: string,
  published: CatalogueEntry | undefined,
  preset: PresetName | undefined,
): { normalisation: Normalisation; from: string } {
  if (preset !== undefined) return { normalisation: preprocessingPresets[preset], from: `--preprocessing ${preset}` };
  const keras = naming === "keras" ? kerasNormalisation[published?.family ?? ""] : undefined;
  if (keras !== undefined)
    return { normalisation: preprocessingPresets[keras], from: `what Keras Applications does for ${architecture}` };
  if (naming === "timm" && published) {
    const { channels, mean, std } = published.preprocessing;
    return { normalisation: { channels, mean, std }, from: `what timm publishes ${architecture} with` };
  }
  return { normalisation: preprocessingPresets.imagenet, from: `what ${naming} publishes its networks with` };
}

// Networks of a model hub: downloads the weights and loads them into the architecture that Graft builds.

/** Whether the network's files are all in the cache. */
export async function isHubNetworkOnDisk({ source }: EntryFrom<"hub">): Promise<boolean> {
  const files = [source, { ...source, file: "config.json" }];
  return (await Promise.all(files.map(hubFileInCache))).every((found) => found !== undefined);
}

/** Opens a network of a hub; downloads the files that are not in the cache. */
export async function openHubNetwork(
  entry: EntryFrom<"hub">,
  { onProgress, offline, cut }: OpenOptions,
): Promise<Network> {
  const { source } = entry;
  const hub = { onProgress, offline };
  const config = await repositoryConfig(source, hub);
  const preprocessing = preprocessingOf(entry, config);
  const file = { ...source, revision: config.commit };
  const pretrained = await loadPretrainedFromHub(entry.architecture ?? entry.name, file, hub, preprocessing.size);
  const { definition, model } = pretrained;
  return {
    name: entry.name,
    description: entry.description,
    licence: entry.licence,
    source: `hub:${source.repo}@${config.commit}`,
    sha256: sha256(`${pretrained.sha256} ${definition.name} ${preprocessing.size}`),
    model,
    preprocessing,
    preprocessingFrom: "the hub's config.json, without its crop: the whole image is used",
    stages: definition.stages,
    cut: cut ?? definition.features.tensor,
    cuts: cut === undefined ? undefined : [],
  };
}

/**
 * The repository's normalisation with the catalogue's size and fit: Graft uses the whole image, and transformers accept any size
 * because their position embedding is resampled.
 */
function preprocessingOf({ preprocessing, source }: EntryFrom<"hub">, config: RepositoryConfig): Preprocessing {
  const { channels, mean, std } = fromHubPreprocessing(config.preprocessing, source.repo);
  return { ...preprocessing, channels, mean, std };
}
