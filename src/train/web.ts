/** The environment of a training in a page: one image is decoded at a time, and records are in memory. Starting the engine is in web/. */
import { nextTask, queue } from "../base/concurrency.ts";
import { decodeSignature, encodeSignature, signatureOf, smallOf } from "../data/copies/signature.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { measureCuts } from "../networks/backbone/backbone.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { openSession } from "../onnx/session/session.ts";
import type { Environment, Signatures } from "./environment.ts";
import { columnsRead } from "./features/feature-table.ts";
import type { ImageSource } from "./features/images-and-records.ts";
import { memoryRecords, type RecordStore } from "./features/images-and-records.ts";
import { storedBytes } from "./finetune/trainable-part.ts";

/** The limit of WebAssembly's 32-bit memory. */
const WASM_BYTES = 2 ** 32;
/** The budget for records of the images' views between epochs. */
const KEPT_BYTES = 2 ** 30;

/**
 * The environment of one training.
 *
 * @param halfPrecision whether the engine supports it: some graphics cards do not
 */
export function webEnvironment({ halfPrecision }: Pick<Environment, "halfPrecision">): Environment {
  /** By boundary: all trainings of a fine-tuning read the same records, which live as long as the environment. */
  const boundaries = new Map<string, RecordStore>();
  return {
    open: (model, options) => openSession(encodeModelWhole(model), options),
    batch: 8,
    // A decoded image may take 400 MB, so none is decoded ahead.
    loadsAhead: 1,
    runsAhead: 1,
    pause: nextTask,
    stepsAtOnce: 1,
    halfPrecision,
    memoryBudget: () => WASM_BYTES,
    storageBudget: async () => ({ disk: KEPT_BYTES, memory: KEPT_BYTES }),
    async cutsOf(network) {
      const { own, others } = await measureCuts(network);
      return [own, ...others];
    },
    openFeatures: async (_, readings) => memoryRecords(4 * columnsRead(readings)),
    async openBoundary({ sha256, cut }, boundary) {
      const key = JSON.stringify([sha256, cut, boundary.tensor, boundary.stored]);
      const records = boundaries.get(key) ?? memoryRecords(storedBytes(boundary));
      boundaries.set(key, records);
      return { ...records, close: () => {} };
    },
    openSignatures: async () => signaturesInMemory(),
  };
}

function signaturesInMemory(): Signatures {
  const records = new Map<string, Uint8Array>();
  return {
    lacks: (digest) => !records.has(digest),
    measure: async (image) => encodeSignature(signatureOf(smallOf(image))),
    add: (digest, record) => records.set(digest, record),
    // Every image has been decoded for its features.
    of: async (images) => images.map(({ digest }) => decodeSignature(records.get(digest)!)),
    close: () => records.clear(),
  };
}

/**
 * Image sources from functions that return pixels; each function is called once or twice, and one image is decoded at a time.
 *
 * A page has only the pixels of its images: positions identify them, and signatures detect copies.
 */
export function pixelImages(reads: readonly (() => Promise<RgbImage>)[]): ImageSource[] {
  const inTurn = queue();
  return reads.map((read, place) => ({
    name: `example ${place}`,
    load: async () => ({
      digest: String(place),
      use: (work) => inTurn(async () => work(await read())),
    }),
  }));
}
