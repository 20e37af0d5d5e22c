/** A backbone that runs: one session that prepares single pictures, one that takes batches. Both open on first use. */
import type { RgbImage } from "../../data/rgb-image.ts";
import { openModel } from "../../runtime/open-model.ts";
import { openSession, type RuntimeTensor, type Session } from "../../runtime/session.ts";
import { backboneModel, type CutShape, FEATURES, PIXELS } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { preparationModel } from "../../zoo/preparation.ts";

export { preparationModel };

export interface BackboneRunner {
  /** The shape of one prepared picture: `[3, S, S]` or `[S, S, 3]`. */
  readonly inputDims: readonly number[];
  /** Resizes and normalises one picture, by the very graph that goes into the artifact. */
  prepare(image: RgbImage): Promise<Float32Array>;
  /** `[N, …inputDims]` → `[N, D]`. */
  forward(pixels: RuntimeTensor): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A runner for a network cut as it says. */
export function createRunner(network: Network, shape: CutShape): BackboneRunner {
  const { size, layout } = network.preprocessing;
  let preparation: Promise<Session> | undefined;
  let backbone: Promise<Session> | undefined;
  return {
    inputDims: layout === "nchw" ? [3, size, size] : [size, size, 3],
    async prepare({ width, height, data }) {
      preparation ??= openSession(preparationModel(network.preprocessing), { threads: 1 });
      const result = await (await preparation).run({ image: { dims: [1, height, width, 3], data } });
      return result[PIXELS]!.data as Float32Array;
    },
    async forward(pixels) {
      backbone ??= openModel(backboneModel(network, shape));
      const result = await (await backbone).run({ [PIXELS]: pixels });
      return result[FEATURES]!.data as Float32Array;
    },
    async close() {
      await (await preparation)?.close();
      await (await backbone)?.close();
    },
  };
}
