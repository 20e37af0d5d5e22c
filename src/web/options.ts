/** The options of a page's calls, each described once. What a training has in common with Node's is in train/options.ts. */
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
} from "../base/options.ts";
import { shown } from "../base/text.ts";
import { DEFAULT_EFFORT } from "../train/effort.ts";
import { classWeights, effort, effortWithoutFinetuning, recipeEntries, unfreeze } from "../train/options.ts";
import { modelEntries } from "../zoo/model-options.ts";
import { networkSchema } from "../zoo/network-schema.ts";
import type { OpenOptions, PredictOptions } from "./artifact.ts";
import type { EngineOptions } from "./engine.ts";
import type { Source } from "./fetch.ts";
import type { NetworkOptions } from "./network.ts";
import type { Example, TrainOptions } from "./train.ts";

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

/** Not an object schema: that would copy every example. */
const examples = v.pipe(
  v.custom<readonly Example[]>(Array.isArray, "a list of pictures with their labels"),
  v.rawCheck<readonly Example[]>(({ dataset, addIssue }) => {
    const fault = dataset.typed ? faultOf(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: `The examples cannot be used: ${fault}.` });
  }),
);

/** The first thing that is wrong, with the remedy. For who writes JavaScript, anything may be in a list. */
function faultOf(list: readonly (Partial<Record<keyof Example, unknown>> | null | undefined)[]): string | undefined {
  if (list.length === 0) return "there are none: give pictures with their labels";
  for (const [at, example] of list.entries()) {
    if (typeof example !== "object" || example === null)
      return `example ${at} is ${shown(example)}: give objects with picture and label`;
    const { picture, label } = example;
    if (typeof label !== "string" || label === "")
      return `example ${at} has the label ${shown(label)}: give the name of its class`;
    if (typeof picture !== "function" && (typeof picture !== "object" || picture === null))
      return `example ${at} has the picture ${shown(picture)}: give a File, an image, pixels, or a function that gives one`;
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

/** @throws GraftError (`usage`), as all of these */
export const checkedEngineOptions = (options: EngineOptions) => checked(engineSchema, options, callOf("openEngine"));
export const checkedOpenOptions = (options: OpenOptions) => checked(openSchema, options, callOf("openArtifact"));
export const checkedNetworkOptions = (options: NetworkOptions) =>
  checked(networkOptions, options, callOf("openNetwork"));
export const checkedPredictOptions = (options: PredictOptions) => checked(predictSchema, options, callOf("predict"));
export const checkedTrainOptions = (options: TrainOptions) => checked(trainSchema, options, callOf("train"));
