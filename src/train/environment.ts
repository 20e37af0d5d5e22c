/**
 * What a platform provides to a training: sessions, stores for records, memory, checkpoints. node.ts and web.ts implement it; nothing else
 * differs between platforms. Types only.
 */

import type { OnProgress } from "../base/progress.ts";
import type { KnownCopies } from "../data/copies/find-copies.ts";
import type { Signature } from "../data/copies/signature.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import type { Cut } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import type { Model } from "../onnx/model.ts";
import type { OpenModel } from "../onnx/session/session.ts";
import type { Lanes } from "./features/compute.ts";
import type { ReadCuts } from "./features/feature-table.ts";
import type { KnownImage, RecordStore } from "./features/images-and-records.ts";
import type { Checkpoint, FinetuneInput, FinetuneOptions } from "./finetune/finetune-contract.ts";
import type { Recipe, Unfrozen } from "./finetune/recipe.ts";
import type { Boundary } from "./finetune/trainable-part.ts";

/** Measures images that are decoded anyway. */
export interface Measures {
  /** Whether an image has not been measured yet. */
  lacks(digest: string): boolean;
  measure(image: RgbImage, file: Uint8Array | undefined): Promise<Uint8Array>;
  /** Stores the result of {@link measure} for an image. */
  add(digest: string, record: Uint8Array): void;
}

/** The signatures of images, by which copies are found. */
export interface Signatures extends Measures {
  /** The signatures in the order of the images; images that have none yet are measured. */
  of(images: readonly KnownImage[], listening: Listening): Promise<readonly Signature[]>;
  /** Copies that an earlier search found. */
  readonly known?: KnownCopies | undefined;
  close(): void;
}

export interface Listening {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that may be used for records. */
export interface StorageBudget {
  readonly disk: number;
  /** Records beyond this size do not stay in memory and are slow to read. */
  readonly memory: number;
}

/** How images pass through the frozen part. */
export interface Passing {
  /** Images per run of the frozen part. A page is blocked while one runs. */
  readonly batch: number;
  /** Images to load ahead. */
  readonly loadsAhead: number;
  /** Runs in progress at once: the images of one are decoded while another runs. */
  readonly runsAhead: number;
  /** Awaited between runs and steps, so that a page can draw itself meanwhile. */
  readonly pause: () => Promise<void>;
}

/** What identifies a training with checkpoints: only the same training may continue from them. */
export interface Checkpointed {
  readonly input: FinetuneInput;
  readonly options: FinetuneOptions;
  readonly plan: Unfrozen;
  readonly recipe: Recipe;
}

export interface Checkpoints {
  /**
   * Returns undefined if there is no checkpoint.
   *
   * @throws GraftError (`usage`) if another training wrote it; (`data`) if the file is not a checkpoint
   */
  read(): Promise<Checkpoint | undefined>;
  /** Replaces the previous checkpoint. */
  write(checkpoint: Checkpoint): Promise<void>;
}

export interface Environment extends Passing {
  /** Opens a session for a model. */
  readonly open: OpenModel;
  /** Starts threads that compute features; undefined where threads would not help. */
  readonly startLanes?: StartLanes | undefined;
  /** Whether the engine supports half precision; stored outputs then take half the space. */
  readonly halfPrecision: boolean;
  /** Maximum steps per run; default as many as take two seconds. */
  readonly stepsAtOnce?: number | undefined;
  /** Bytes that a training step may take. */
  memoryBudget(): number;
  storageBudget(): Promise<StorageBudget>;
  /** A network's own cut, then its other possible cuts. */
  cutsOf(network: Network): Promise<readonly [Cut, ...Cut[]]>;
  /** Opens the store of features at some cuts: float32, in the order that {@link ReadCuts} defines. */
  openFeatures(network: Network, readings: ReadCuts): Promise<RecordStore>;
  /** Opens the store of the frozen part's outputs. */
  openBoundary(network: Network, boundary: Boundary): Promise<RecordStore>;
  openSignatures(): Promise<Signatures>;
  /** Opens the checkpoints of a fine-tuning; absent on platforms without files. */
  readonly openCheckpoints?: ((path: string, training: Checkpointed) => Checkpoints) | undefined;
}

export type StartLanes = (
  model: Model,
  settings: { readonly preparation: Uint8Array; readonly inputDims: readonly number[] },
) => Lanes | undefined;
