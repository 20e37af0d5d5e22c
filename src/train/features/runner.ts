/** A backbone that runs: one session that prepares single pictures, one that takes batches. Both open on first use. */
import { once } from "../../base/once.ts";
import type { Model } from "../../graph/model.ts";
import { openModel } from "../../runtime/open-model.ts";
import { openSession, type Session } from "../../runtime/session.ts";
import { backboneModel, type CutShape, FEATURES, PIXELS, pixelDims } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { preparationModel } from "../../zoo/preparation.ts";
import type { Computer } from "./compute.ts";
import { type Lanes, lanesFor, startLanes } from "./lanes.ts";

export { preparationModel };

export interface BackboneRunner extends Computer {
  /** Threads that compute features of many images faster than this one; nothing where they would not. Open until `close`. */
  lanes?(): Lanes | undefined;
  close(): Promise<void>;
}

/** A runner for a network cut as it says. */
export const createRunner = (network: Network, shape: CutShape): BackboneRunner =>
  runnerOf(network, () => backboneModel(network, shape));

/** A runner for a model from {@link PIXELS} to {@link FEATURES} that is made of a network, whose preprocessing it has. */
export function runnerOf(network: Network, modelOf: () => Model): BackboneRunner {
  const inputDims = pixelDims(network, 1).slice(1);
  const preparation = (): Uint8Array => preparationModel(network.preprocessing);
  const model = once(modelOf);
  const own = computerOf(
    inputDims,
    () => openSession(preparation(), { threads: 1 }),
    () => openModel(model()),
  );
  let lanes: Lanes | undefined;
  return {
    ...own,
    lanes() {
      const count = lanesFor(model());
      if (count > 1) lanes ??= startLanes(model(), { preparation: preparation(), inputDims, count });
      return lanes;
    },
    async close() {
      await own.close();
      await lanes?.close();
    },
  };
}

/** What runs a backbone, with sessions that are opened when they are needed. */
export function computerOf(
  inputDims: readonly number[],
  openPreparation: () => Promise<Session>,
  openBackbone: () => Promise<Session>,
): Computer & { close(): Promise<void> } {
  let preparation: Promise<Session> | undefined;
  let backbone: Promise<Session> | undefined;
  return {
    inputDims,
    async prepare({ width, height, data }) {
      preparation ??= openPreparation();
      const result = await (await preparation).run({ image: { dims: [1, height, width, 3], data } });
      return result[PIXELS]!.data as Float32Array;
    },
    async forward(pixels) {
      backbone ??= openBackbone();
      const result = await (await backbone).run({ [PIXELS]: pixels });
      return result[FEATURES]!.data as Float32Array;
    },
    async close() {
      await (await preparation)?.close();
      await (await backbone)?.close();
    },
  };
}
