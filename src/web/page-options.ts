/** The options of the calls in a page: types, schemas and defaults. Those that training shares with Node are in train/option-entries.ts. */
import * as v from "valibot";
import {
  callOf,
  checked,
  type Described,
  listenerEntries,
  oneOf,
  onlyWhen,
  optionsOf,
  seed,
  text,
  whole,
} from "../base/option-schemas.ts";
import type { OnProgress } from "../base/progress.ts";
import { shown } from "../base/text.ts";
import type { ModelOptions } from "../networks/imported/model-network.ts";
import type { Network } from "../networks/network.ts";
import { networkSchema } from "../networks/network.ts";
import { modelEntries } from "../networks/open-options.ts";
import type { RecipeFlags } from "../train/finetune/recipe.ts";
import {
  classWeights,
  DEFAULT_EFFORT,
  type Effort,
  effort,
  effortWithoutFinetuning,
  recipeEntries,
  unfreeze,
} from "../train/option-entries.ts";
import type { Picture } from "./page-pixels.ts";

/** The device that graphs run on: the graphics card, or the processor. */
export type Device = "webgpu" | "wasm";

/** The options of the engine. */
export interface EngineOptions {
  /**
   * `auto` (default): WebGPU if the page has it and a graphics card responds, otherwise WebAssembly. `webgpu` also accepts a software adapter, and
   * fails if there is none.
   */
  readonly device?: "auto" | Device | undefined;
  /**
   * The address of the folder of your site that has ONNX Runtime's `.wasm` files: `"/ort/"`. Default: beside the script that the bundler made of
   * `onnxruntime-web`, where Vite and webpack put them.
   */
  readonly wasm?: string | URL | undefined;
  /** Threads of WebAssembly. Default: all cores if the page is cross-origin isolated; otherwise there is only one. */
  readonly threads?: number | undefined;
}

/** Where a file comes from: its address (relative ones as the page sees them), a File or Blob, or its bytes. */
export type Source = string | URL | Blob | Uint8Array | ArrayBuffer;

export interface OpenOptions extends EngineOptions {
  /** Called with the number of fetched bytes. */
  readonly onProgress?: OnProgress | undefined;
}

export interface PredictOptions {
  /** Maximum number of classes in `top`. Default 5. */
  readonly topK?: number | undefined;
}

export interface NetworkOptions extends ModelOptions, EngineOptions {
  /** Called with the number of fetched bytes. */
  readonly onProgress?: OnProgress | undefined;
}

/** An image with its class. A function is called whenever the image is needed, so that not all images need to be in memory. */
export interface Example {
  readonly picture: Picture | (() => Picture | Promise<Picture>);
  readonly label: string;
  /** No split separates the examples of one group (a recording, a patient, a burst). Copies are found automatically. */
  readonly group?: string | undefined;
}

export interface TrainOptions extends RecipeFlags {
  readonly network: Network;
  readonly examples: readonly Example[];
  /** `none` trains the head alone; otherwise the name of a stage, `all`, or a number of last stages. Default `none`. */
  readonly unfreeze?: string | number | undefined;
  /** Default 0. The same seed gives the same split, folds, batches and views. */
  readonly seed?: number | undefined;
  /** `balanced`: each class counts the same, however rare. Default `none`: each image does. */
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How many features are tried, by cross-validation. `quick` (default): cuts of the network that cost no extra time.
   * `better`: all of its cuts, and the mean over mirrored views. Fine-tuning starts from the network's own cut.
   */
  readonly effort?: Effort | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice made and each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** When aborted, the training ends with the signal's reason after the current step. */
  readonly signal?: AbortSignal | undefined;
}

const ADDRESS = "the address of a folder";

const engineEntries = {
  device: v.optional(oneOf(["auto", "webgpu", "wasm"])),
  wasm: v.optional(v.union([text(ADDRESS), v.instance(URL, ADDRESS)], ADDRESS)),
  threads: v.optional(whole(1)),
} satisfies Described<EngineOptions>;

const engineSchema = optionsOf(engineEntries);

const { onProgress } = listenerEntries;

const openSchema = optionsOf({ ...engineEntries, onProgress } satisfies Described<OpenOptions>);

const networkOptions = optionsOf({
  ...engineEntries,
  ...modelEntries,
  onProgress,
} satisfies Described<NetworkOptions>);

const predictSchema = optionsOf({ topK: v.optional(whole(1), 5) } satisfies Described<PredictOptions>);

/** The address, the File or the bytes of a model. */
export const source = v.custom<Source>(
  (value) =>
    (typeof value === "string" && value !== "") ||
    value instanceof URL ||
    value instanceof Blob ||
    value instanceof Uint8Array ||
    value instanceof ArrayBuffer,
  "the address of a file, a File or Blob, or its bytes",
);

/** A custom schema, because an object schema would copy every example. */
const examples = v.pipe(
  v.custom<readonly Example[]>(Array.isArray, "a list of images with their labels"),
  v.rawCheck<readonly Example[]>(({ dataset, addIssue }) => {
    const fault = dataset.typed ? faultOf(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: `The examples cannot be used: ${fault}.` });
  }),
);

/** The first fault, with the remedy. In JavaScript, a list may contain anything. */
function faultOf(list: readonly (Partial<Record<keyof Example, unknown>> | null | undefined)[]): string | undefined {
  if (list.length === 0) return "there are none: give images with their labels";
  for (const [at, example] of list.entries()) {
    if (typeof example !== "object" || example === null)
      return `example ${at} is ${shown(example)}: give objects with picture and label`;
    const { picture, label } = example;
    if (typeof label !== "string" || label === "")
      return `example ${at} has the label ${shown(label)}: give the name of its class`;
    if (typeof picture !== "function" && (typeof picture !== "object" || picture === null))
      return `example ${at} has the picture ${shown(picture)}: give a File, an image element, pixels, or a function that gives one`;
  }
  return undefined;
}

const trainSchema = v.pipe(
  optionsOf({
    network: networkSchema,
    examples,
    unfreeze: v.optional(unfreeze, "none"),
    ...recipeEntries,
    seed: v.optional(seed, 0),
    classWeights: v.optional(classWeights, "none"),
    effort: v.optional(effort, DEFAULT_EFFORT),
    ...listenerEntries,
  } satisfies Described<TrainOptions>),
  onlyWhen(
    ({ unfreeze: stages }) => stages !== "none",
    ["epochs", "batch", "learningRate", "augment"],
    "to fine-tuning: add {unfreeze} (a stage, a number of last stages, or all), or leave it out",
  ),
  effortWithoutFinetuning(
    ({ unfreeze: stages }) => stages !== "none",
    "{effort} chooses what the head alone is trained on: leave it out, or {unfreeze}.",
  ),
);

/** @throws GraftError (`usage`); so do the functions below */
export const checkedEngineOptions = (options: EngineOptions) => checked(engineSchema, options, callOf("openEngine"));
export const checkedOpenOptions = (options: OpenOptions) => checked(openSchema, options, callOf("openArtifact"));
export const checkedNetworkOptions = (options: NetworkOptions) =>
  checked(networkOptions, options, callOf("openNetwork"));
export const checkedPredictOptions = (options: PredictOptions) => checked(predictSchema, options, callOf("predict"));
export const checkedTrainOptions = (options: TrainOptions) => checked(trainSchema, options, callOf("train"));
