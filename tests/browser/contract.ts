/** The functions of the tests' page that Node can call (call.ts). Arguments and results are plain data. */

import type { AugmentationName } from "../../src/data/image/augment/augmentation-plan.ts";
import type { StepsJob } from "./steps.ts";

/** As in src/web/page-engine.ts, which Node's types do not reach. */
export interface EngineOptions {
  readonly device?: "auto" | "webgpu" | "wasm";
  readonly wasm?: string;
  readonly threads?: number;
}

export interface EngineFacts {
  readonly device: "webgpu" | "wasm";
  readonly why: string;
  readonly threads: number;
  readonly whyThreads: string;
}

/** An image, by the way in which the page gets it. */
export type Given = "blob" | "img" | "bitmap" | "canvas" | "offscreen" | "video-frame" | "image-data";

export interface Predicted {
  readonly label: string;
  readonly probability: number;
  readonly top: readonly { readonly label: string; readonly probability: number }[];
  readonly probabilities: readonly number[];
}

/** An error in the page: its class and its sentence. */
export interface Refusal {
  readonly name: string;
  readonly message: string;
}

export interface PageApi {
  /** Opens a model, which later calls ask. */
  open(address: string, options?: EngineOptions): Promise<{ classes: readonly string[]; engine: EngineFacts }>;
  /** Asks about the images at addresses, one after the other. */
  predict(addresses: readonly string[], given?: Given): Promise<Predicted[]>;
  /** The same, all at once. */
  predictAtOnce(addresses: readonly string[]): Promise<Predicted[]>;
  /** The same in a worker, which opens the model for itself. */
  predictInWorker(model: string, addresses: readonly string[]): Promise<Predicted[]>;
  /** Takes training steps with a network and images; returns the losses, and base64 of the weights by name. */
  steps(
    network: string,
    addresses: readonly string[],
    job: StepsJob,
    engine?: EngineOptions,
  ): Promise<{ losses: readonly number[]; weights: Readonly<Record<string, string>> }>;
  /** Trains, and asks the trained model about the first example. */
  train(job: TrainingJob, engine?: EngineOptions): Promise<Trained>;
  /** The pixels of an image: width, height, and base64 of `[height, width, 3]`. */
  pixels(address: string, given?: Given): Promise<{ width: number; height: number; data: string }>;
}

/** A training to be done in the page: a network, images with their classes, and options. */
export interface TrainingJob {
  readonly network: string;
  readonly examples: readonly { readonly address: string; readonly label: string }[];
  readonly unfreeze: string | number;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly augment: AugmentationName;
  readonly seed: number;
}

export interface Trained {
  readonly engine: EngineFacts;
  readonly accuracy: number;
  readonly history: readonly { readonly loss: number; readonly validationLogLoss: number }[];
  readonly bestEpoch: number;
  /** Base64 of `model.onnx`. */
  readonly model: string;
  /** The stages of work that were reported, each once. */
  readonly stages: readonly string[];
  readonly notes: readonly string[];
  /** How often other work of the page could run meanwhile. */
  readonly breaths: number;
}

/** Either a result, or why there is none. */
export type Outcome<T> =
  | { readonly kind: "answer"; readonly value: T }
  | { readonly kind: "refusal"; readonly error: Refusal };
