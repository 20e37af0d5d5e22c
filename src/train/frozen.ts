/**
 * The frozen part of a network, up to its features or up to a freeze boundary: prepares its sessions, which open on first use. Running it over
 * images is in features/fill-records.ts.
 */
import { once } from "../base/concurrency.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { type CutShape, FEATURES, PIXELS, pixelDims, preparationModel } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import type { Model } from "../onnx/model.ts";
import { type Elements, openSession, type Session } from "../onnx/session/session.ts";
import type { Environment } from "./environment.ts";
import { type Computer, type Lanes, runFrozen } from "./features/compute.ts";
import { type Boundary, frozenModel, STORED } from "./finetune/trainable-part.ts";

export interface FrozenPart extends Computer {
  /** Threads that compute many images faster than the calling thread; undefined where they would not. `close` ends them. */
  lanes?(): Lanes | undefined;
  close(): Promise<void>;
}

/** A network up to its features, in full precision. */
export interface FrozenFeatures extends FrozenPart {
  prepare(image: RgbImage): Promise<Float32Array>;
  /** `[N, D]` */
  forward(prepared: readonly Elements[]): Promise<Float32Array>;
}

/**
 * Prepares a network up to its features.
 *
 * @param modelOf makes the model from {@link PIXELS} to {@link FEATURES}
 */
export function frozenFeatures(
  network: Pick<Network, "preprocessing">,
  modelOf: () => Model,
  { open, startLanes }: Pick<Environment, "open" | "startLanes">,
): FrozenFeatures {
  const inputDims = pixelDims(network, 1).slice(1);
  const preparation = (): Uint8Array => preparationModel(network.preprocessing);
  const model = once(modelOf);
  const part = runFrozen({
    inputDims,
    preparation: () => openSession(preparation(), { threads: 1 }),
    network: () => open(model()),
    output: FEATURES,
  });
  let lanes: Lanes | undefined;
  return {
    ...(part as FrozenFeatures),
    lanes() {
      lanes ??= startLanes?.(model(), { preparation: preparation(), inputDims });
      return lanes;
    },
    async close() {
      await part.close();
      await lanes?.close();
    },
  };
}

/**
 * Prepares a network up to its freeze boundary. `forward` throws
 * {@link import("./features/compute.ts").TooLarge} if half precision cannot represent an activation.
 */
export function frozenUntil(
  boundary: Boundary,
  network: Network,
  shape: CutShape,
  { open, batch }: Pick<Environment, "open" | "batch">,
): FrozenPart {
  const { preprocessing } = network;
  const preparing = (how: Network["preprocessing"]) => (): Promise<Session> => {
    const model = boundary.isPixels
      ? encodeModelWhole(frozenModel({ ...network, preprocessing: how }, shape, boundary))
      : preparationModel(how);
    return openSession(model, { threads: 1 });
  };
  return runFrozen({
    inputDims: pixelDims(network, 1).slice(1),
    preparation: preparing(preprocessing),
    viewPreparation:
      preprocessing.fit.kind === "stretch" ? undefined : preparing({ ...preprocessing, fit: { kind: "stretch" } }),
    prepared: boundary.isPixels ? STORED : PIXELS,
    network: boundary.isPixels ? undefined : () => open(frozenModel(network, shape, boundary)),
    output: STORED,
    runSize: batch,
  });
}
