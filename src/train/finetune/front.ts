/**
 * The frozen part of a network, running: pictures in, what is stored of them out. Two sessions, as for features: one
 * prepares single pictures, one takes batches. Both open on first use.
 */
import type { RgbImage } from "../../data/rgb-image.ts";
import type { Model } from "../../graph/model.ts";
import { encodeModelWhole } from "../../graph/onnx/write.ts";
import { type OpenModel, openSession, type RuntimeTensor, type Session } from "../../runtime/session.ts";
import { type CutShape, PIXELS } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { preparationModel } from "../../zoo/preparation.ts";
import type { Preprocessing } from "../../zoo/preprocessing.ts";
import { type Boundary, frontModel, STORED } from "./tail.ts";

/** One picture, brought to the network's size: what a batch is made of. */
export type Prepared = RuntimeTensor["data"];

export interface FrontRunner {
  /**
   * Prepares a picture as the network wants it.
   *
   * @param isView whether it is a view, which has the network's size already: its preprocessing's crop was the view's matter
   */
  prepare(image: RgbImage, isView: boolean): Promise<Prepared>;
  /** What is stored of each prepared picture, one after the other. Throws {@link TooLarge} where half precision cannot hold it. */
  forward(prepared: readonly Prepared[]): Promise<Uint8Array>;
  /** Seconds inside the frozen part so far. */
  readonly seconds: number;
  close(): Promise<void>;
}

/** An activation that float16 does not reach. */
export class TooLarge extends Error {}

/** What is said when {@link TooLarge} is met. */
export const FULL_PRECISION =
  "The frozen part's outputs are too large for half precision: they are kept in full precision.";

/** The exponent of float16, all ones in infinities and NaN. */
const EXPONENT = 0x7c00;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Opens the front of a network.
 *
 * @param batch pictures of every run; fewer are filled up, so that a picture's values never depend on how many came with it
 * @param open how models are opened here
 * @param whole the network that the frozen part is of, up to its features; default: as {@link frontModel} makes it
 */
export function openFront(
  network: Network,
  shape: CutShape,
  boundary: Boundary,
  batch: number,
  open: OpenModel,
  whole?: Model,
): FrontRunner {
  const { preprocessing } = network;
  const stretched: Preprocessing = { ...preprocessing, fit: { kind: "stretch" } };
  const { size, layout } = preprocessing;
  const inputDims = layout === "nchw" ? [3, size, size] : [size, size, 3];
  const sessions = new Map<string, Promise<Session>>();
  const session = (name: string, opened: () => Promise<Session>): Promise<Session> => {
    const known = sessions.get(name) ?? opened();
    sessions.set(name, known);
    return known;
  };
  let seconds = 0;

  const preparing = (how: Preprocessing): Promise<Session> =>
    session(how.fit.kind, () => {
      const model = boundary.isPixels
        ? encodeModelWhole(frontModel({ ...network, preprocessing: how }, shape, boundary))
        : preparationModel(how);
      return openSession(model, { threads: 1 });
    });

  return {
    get seconds() {
      return seconds;
    },
    async prepare({ width, height, data }, isView) {
      const result = await (await preparing(isView ? stretched : preprocessing)).run({
        image: { dims: [1, height, width, 3], data },
      });
      return result[boundary.isPixels ? STORED : PIXELS]!.data;
    },
    async forward(prepared) {
      if (boundary.isPixels) return joined(prepared.map(bytesOf), prepared.length);
      const front = await session("front", () => open(frontModel(network, shape, boundary, whole)));
      const bytes = joined(prepared.map(bytesOf), batch);
      const began = performance.now();
      const result = await front.run({
        [PIXELS]: { dims: [batch, ...inputDims], data: new Float32Array(bytes.buffer) },
      });
      seconds += (performance.now() - began) / 1000;
      const { data } = result[STORED]!;
      const kept = data.subarray(0, (data.length / batch) * prepared.length);
      if (kept instanceof Uint16Array && kept.some((bits) => (bits & EXPONENT) === EXPONENT)) throw new TooLarge();
      return bytesOf(kept);
    },
    async close() {
      for (const opened of sessions.values()) await (await opened).close();
    },
  };
}

/** Rows one after the other, zeros where `count` is more than there are. */
function joined(rows: readonly Uint8Array[], count: number): Uint8Array {
  const length = rows[0]?.length ?? 0;
  const all = new Uint8Array(length * count);
  rows.forEach((row, i) => {
    all.set(row, i * length);
  });
  return all;
}
