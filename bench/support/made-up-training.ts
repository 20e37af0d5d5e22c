/**
 * A fine-tuning on made-up batches, for benches of the training step: they are read from the disk's cache, as an epoch after
 * the first reads them; nothing is decoded. Measures nothing itself.
 */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../../src/base/random.ts";
import { measureCut, shapesOf } from "../../src/networks/backbone/backbone.ts";
import { stagesOf } from "../../src/networks/backbone/stages.ts";
import type { Network } from "../../src/networks/network.ts";
import { openModel } from "../../src/onnx/session/mapped-model.ts";
import { openRecordCache } from "../../src/train/features/record-files.ts";
import { createReader } from "../../src/train/finetune/batches.ts";
import { recipeFor, unfrozen } from "../../src/train/finetune/recipe.ts";
import { openStepEngine, type StepEngine, type StepEngineOptions } from "../../src/train/finetune/step-engine.ts";
import type { Batch } from "../../src/train/finetune/step-runner.ts";
import {
  boundaryOf,
  pixelBoundary,
  STORED,
  type StoredType,
  storedBytes,
} from "../../src/train/finetune/trainable-part.ts";
import { freshHead } from "../../src/train/head/fit.ts";
import { nodeEnvironment } from "../../src/train/node.ts";

const CLASSES = 5;
/** Batches that are stored; more would only fill the disk. */
const STORED_BATCHES = 8;

export interface MadeUpOptions extends Pick<Partial<StepEngineOptions>, "open" | "profile"> {
  readonly network: Network;
  /** The first stage that trains, or `all`. */
  readonly stage: string;
  readonly batch: number;
  /** How values of the freeze boundary are stored; `pixels`: nothing is kept but pixels. Default half precision. */
  readonly stored?: StoredType | "pixels";
}

export interface MadeUpTraining {
  readonly engine: StepEngine;
  /** The batch of a step. It is valid until the next call. */
  feeds(step: number): Batch;
  close(): Promise<void>;
}

/** Opens a training whose step is the trainer's. */
export async function madeUpTraining(options: MadeUpOptions): Promise<MadeUpTraining> {
  const { network, stage, batch, stored = "float16", open = openModel, profile } = options;
  const shape = await measureCut(network);
  const shapes = await shapesOf(network);
  const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), stage, network.name);
  const boundary = stored === "pixels" ? pixelBoundary(network) : boundaryOf(network, plan, shapes, stored);
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const size = storedBytes(boundary);
  const records = await openRecordCache(join(folder, "records"), size);
  const random = createRandom(0);
  const locations = Array.from({ length: STORED_BATCHES }, (_, at) => {
    const keys = Array.from({ length: batch }, (_, i) => createHash("sha256").update(`${at} ${i}`).digest());
    return records.add(keys, values(boundary.stored, batch * size, random.below));
  });
  const reader = createReader(records, boundary, batch);
  const labels = new Float32Array(batch * CLASSES);
  for (let i = 0; i < batch; i++) labels[i * CLASSES + (i % CLASSES)] = 1;
  const engine = await openStepEngine({
    network,
    shape,
    boundary,
    plan,
    head: freshHead(shape.features, CLASSES, 0),
    recipe: recipeFor({ examples: 1000, classes: CLASSES }, { batch, augment: "none" }),
    open,
    available: nodeEnvironment.memoryBudget(),
    profile,
  });
  return {
    engine,
    feeds: (step) => ({
      [STORED]: reader(locations[step % STORED_BATCHES]!),
      labels: { dims: [batch, CLASSES], data: labels },
    }),
    async close() {
      await engine.close();
      records.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Pixels, or 1 in a third of the places. */
function values(stored: StoredType, bytes: number, below: (limit: number) => number): Uint8Array {
  if (stored === "uint8") return Uint8Array.from({ length: bytes }, () => below(256));
  if (stored === "float32")
    return new Uint8Array(Float32Array.from({ length: bytes / 4 }, () => (below(3) === 0 ? 1 : 0)).buffer);
  return new Uint8Array(Uint16Array.from({ length: bytes / 2 }, () => (below(3) === 0 ? 0x3c00 : 0)).buffer);
}
