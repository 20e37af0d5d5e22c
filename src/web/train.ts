/** Training in a page: pictures in, a `model.onnx` out, by the very step graph that Node trains with. Nothing leaves the page. */
import { nextTask } from "../base/concurrency.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import { type OpenModel, openSession } from "../runtime/session.ts";
import type { InMemoryOptions, Surroundings } from "../train/in-memory/options.ts";
import { type InMemoryResult, trainInMemory } from "../train/in-memory/train.ts";
import { type EngineFacts, openEngine } from "./engine.ts";
import { checkedTrainOptions } from "./options.ts";
import { type Picture, pixelsOf } from "./pixels.ts";

/** A picture with its class. A function is called whenever the picture is needed, so that not all need be in memory. */
export interface Example {
  readonly picture: Picture | (() => Picture | Promise<Picture>);
  readonly label: string;
  /** Examples of one group (a recording, a patient, a burst) are never separated by a split. Copies are found without it. */
  readonly group?: string | undefined;
}

export interface TrainOptions extends Omit<InMemoryOptions, "examples" | "unfreeze"> {
  readonly examples: readonly Example[];
  /** `none` trains the head alone; else the name of a stage, `all`, or how many of the last stages. Default `none`. */
  readonly unfreeze?: string | number | undefined;
}

export interface TrainResult extends Omit<InMemoryResult, "artifact"> {
  /** The bytes of `model.onnx`: for {@link import("./artifact.ts").openArtifact}, or to be saved. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly engine: EngineFacts;
}

/** WebAssembly's 32-bit memory ends here. */
const WASM_BYTES = 2 ** 32;
/** What is kept of the pictures' views between epochs. */
const KEPT_BYTES = 2 ** 30;

const open: OpenModel = (model, options) => openSession(encodeModelWhole(model), options);

/**
 * Trains a head for a network and, where asked, its last stages with it. A page stands still during a step; between steps
 * it draws itself. In a worker it never does.
 *
 * @throws GraftError (`data`) where the pictures cannot be learned from; (`usage`) where an option does not fit, or there is no such stage; the signal's
 *   reason where it was aborted
 *
 * @example
 * import { openArtifact, openNetwork, train } from "graft-ml/web";
 * const network = await openNetwork("/mobilenet_v2.onnx", { preprocessing: "inception" });
 * const examples = files.map(({ file, label }) => ({ picture: file, label }));
 * const { model, validation } = await train({ network, examples, unfreeze: 1, onProgress: console.log });
 * console.log(validation.accuracy, validation.interval);
 * const artifact = await openArtifact(model);
 */
export async function train(given: TrainOptions): Promise<TrainResult> {
  const { examples, ...options } = checkedTrainOptions(given);
  options.signal?.throwIfAborted();
  const engine = await openEngine();
  const around: Surroundings = {
    open,
    available: WASM_BYTES,
    kept: KEPT_BYTES,
    // Graphics cards may lack it.
    halfPrecision: engine.device === "wasm",
    pause: nextTask,
  };
  const { artifact, ...result } = await trainInMemory(
    {
      ...options,
      examples: examples.map(({ picture, label, group }) => ({
        label,
        group,
        read: async () => pixelsOf(typeof picture === "function" ? await picture() : picture),
      })),
    },
    around,
  );
  return { ...result, model: encodeModelWhole(artifact), engine };
}
