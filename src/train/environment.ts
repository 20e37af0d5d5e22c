/**
 * What a platform provides to a training: images, places for records, models that run, memory. node.ts and web.ts implement it; nothing
 * else of a training differs between the two. Types alone.
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
import type { Checkpoint, FinetuneInput, FinetuneOptions } from "./finetune/fine-tuning.ts";
import type { Recipe, Unfrozen } from "./finetune/recipe.ts";
import type { Boundary } from "./finetune/trainable-part.ts";

/** Takes the measures of images that are decoded anyway. */
export interface Measures {
  /** Whether an image was not measured yet. */
  lacks(digest: string): boolean;
  measure(image: RgbImage, file: Uint8Array | undefined): Promise<Uint8Array>;
  /** Keeps what {@link measure} made of an image. */
  add(digest: string, record: Uint8Array): void;
}

/** What a search for copies compares. */
export interface Signatures extends Measures {
  /** In the order of the images; those not measured yet are measured. */
  of(images: readonly KnownImage[], told: Listening): Promise<readonly Signature[]>;
  /** Copies that were found before. */
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
  /** What is read from memory: more records than that are slow to read. */
  readonly memory: number;
}

/** How images pass through the frozen part. */
export interface Passing {
  /** Images of a run of the frozen part. A page stands still for as long as one takes. */
  readonly batch: number;
  /** Images that are loaded ahead. */
  readonly loadsAhead: number;
  /** Runs under way: the images of one are decoded while the other runs. */
  readonly runsAhead: number;
  /** Awaited between runs and steps, so that a page can draw itself meanwhile. */
  readonly pause: () => Promise<void>;
}

/** A training that is kept in checkpoints: only the same one may go on from them. */
export interface Checkpointed {
  readonly input: FinetuneInput;
  readonly options: FinetuneOptions;
  readonly plan: Unfrozen;
  readonly recipe: Recipe;
}

export interface Checkpoints {
  /**
   * Nothing where there is none.
   *
   * @throws GraftError (`usage`) where another training wrote it; (`data`) where it is not a checkpoint
   */
  read(): Promise<Checkpoint | undefined>;
  /** Replaces the one before. */
  write(checkpoint: Checkpoint): Promise<void>;
}

export interface Environment extends Passing {
  /** How models are opened. */
  readonly open: OpenModel;
  /** Starts threads that compute features; nothing where they would gain nothing. */
  readonly startLanes?: StartLanes | undefined;
  /** Whether the engine computes with half precision; what is kept then takes half the storage. */
  readonly halfPrecision: boolean;
  /** Steps of a run, at most; default as many as take two seconds. */
  readonly stepsAtOnce?: number | undefined;
  /** Bytes that a training step may take. */
  memoryBudget(): number;
  storageBudget(): Promise<StorageBudget>;
  /** A network's own cut and the others that it may have. */
  cutsOf(network: Network): Promise<readonly [Cut, ...Cut[]]>;
  /** Where the features of images at some cuts are kept: float32, in the order of reading-of.ts. */
  openFeatures(network: Network, readings: ReadCuts): Promise<RecordStore>;
  /** Where what the frozen part outputs is kept. */
  openBoundary(network: Network, boundary: Boundary): Promise<RecordStore>;
  openSignatures(): Promise<Signatures>;
  /** Where a fine-tuning keeps its checkpoints; absent where there is no place for them. */
  readonly openCheckpoints?: ((path: string, training: Checkpointed) => Checkpoints) | undefined;
}

export type StartLanes = (
  model: Model,
  settings: { readonly preparation: Uint8Array; readonly inputDims: readonly number[] },
) => Lanes | undefined;
