/**
 * Finds pairs of images that are worth aligning: those that look roughly alike once one is rotated and the other cropped. Each such
 * variant is described by a few dozen numbers. Instead of comparing all pairs, each rotated variant goes into the bucket of its most
 * similar pivot (pivots are random variants), and a crop is compared with the buckets of its most similar pivots (an inverted file;
 * Sivic and Zisserman, "Video Google", ICCV 2003). With √N pivots, the work grows with N^1.5.
 */
import { nextTask } from "../../base/concurrency.ts";
import { randomFor } from "../../base/random.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { float32Tensor, int64Tensor, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import {
  blurred,
  coarseOf,
  composed,
  type Grey,
  inverted,
  type Pose,
  RADIUS,
  TURNS,
  WINDOWS,
  without,
} from "./levels-and-poses.ts";

/** Two images, by position, that may be versions of one. */
export interface CopyCandidate {
  readonly a: number;
  readonly b: number;
  /** The approximate position of the points of `a` in `b`. */
  readonly start: Pose;
  readonly similarity: number;
}

/** The most candidates for one image, and their least similarity. See `npm run bench -- groups`. */
const MOST_CANDIDATES = 8;
const LEAST_SIMILARITY = 0.78;

/** The side of the compared images, in pixels. */
const SIDE = 16;
/** Images are sampled at the points of a grid of this side that are inside the disc. */
const GRID_SIDE = 8;
const grid: readonly (readonly [u: number, v: number])[] = Array.from({ length: GRID_SIDE ** 2 }, (_, i) => {
  const coordinate = (at: number): number => (2 * at + 1) / GRID_SIDE - 1;
  return [coordinate(i % GRID_SIDE), coordinate(Math.floor(i / GRID_SIDE))] as const;
}).filter(([u, v]) => u * u + v * v <= RADIUS ** 2);
const COLUMNS = grid.length;

/** The share of large-scale brightness that is subtracted: it is similar in many images. */
const COARSE_SHARE = 0.5;
/** The least standard deviation in grey levels; more uniform images match nothing. */
const LEAST_DEVIATION = 1;

/** The part of an image that is compared. */
function tellingIn(detail: Uint8Array): Grey {
  const coarse = coarseOf(detail);
  return without(coarse, blurred(blurred(coarse)), COARSE_SHARE);
}

/** The grid's points in an image in a pose: four neighbouring pixels each, and their weights. */
interface Taps {
  readonly at: Int32Array;
  readonly weights: Float32Array;
}

function tapsOf([a, b, x, c, d, y]: Pose): Taps {
  const [at, weights] = [new Int32Array(COLUMNS), new Float32Array(4 * COLUMNS)];
  // Pixels outside of the image repeat its edge.
  const place = (coordinate: number): number => Math.min(SIDE - 1.001, Math.max(0, ((coordinate + 1) * SIDE - 1) / 2));
  grid.forEach(([u, v], i) => {
    const [across, down] = [place(a * u + b * v + x), place(c * u + d * v + y)];
    const [left, top] = [Math.floor(across), Math.floor(down)];
    const [dx, dy] = [across - left, down - top];
    at[i] = top * SIDE + left;
    weights.set([(1 - dx) * (1 - dy), dx * (1 - dy), (1 - dx) * dy, dx * dy], 4 * i);
  });
  return { at, weights };
}

const [turnTaps, windowTaps] = [TURNS.map(tapsOf), WINDOWS.map(tapsOf)];

/** The description of an image in a pose: grey values at the grid's points, centred and normalised to length 1; zeros if it is uniform. */
function describe({ values }: Grey, { at, weights }: Taps, into: Float32Array, from: number): void {
  let sum = 0;
  let squares = 0;
  for (let i = 0, w = 0; i < COLUMNS; i++, w += 4) {
    const place = at[i]!;
    const value =
      weights[w]! * values[place]! +
      weights[w + 1]! * values[place + 1]! +
      weights[w + 2]! * values[place + SIDE]! +
      weights[w + 3]! * values[place + SIDE + 1]!;
    into[from + i] = value;
    sum += value;
    squares += value * value;
  }
  const mean = sum / COLUMNS;
  const length = Math.sqrt(Math.max(0, squares - sum * mean));
  const scale = length < LEAST_DEVIATION * Math.sqrt(COLUMNS) ? 0 : 1 / length;
  for (let i = from; i < from + COLUMNS; i++) into[i] = (into[i]! - mean) * scale;
}

/** The descriptions of views as rows: view `v` is image ⌊v / poses⌋ in pose v mod poses. */
function described(images: readonly Grey[], poses: readonly Taps[], views: readonly number[]): Float32Array {
  const rows = new Float32Array(views.length * COLUMNS);
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!;
    describe(images[Math.floor(view / poses.length)]!, poses[view % poses.length]!, rows, i * COLUMNS);
  }
  return rows;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Up to this many rotated views form a single bucket: up to about 200 images, all pairs are compared. */
const ONE_BUCKET = 5000;
/** Pivots per √views, and the number of buckets that a crop is compared with: finds 99 of 100 pairs of a full comparison. */
const [PIVOTS_A_ROOT, PROBES] = [1.25, 4];
/** Images that are put into buckets at once, and similarities that are computed at once. */
const [IMAGES_AT_ONCE, PRODUCTS_AT_ONCE] = [64, 1 << 20];

/**
 * Finds the candidate pairs among images.
 *
 * @param details `[64, 64]` each, see signature.ts
 * @param onImages called with how many more images have been compared
 */
export async function candidatesAmong(
  details: readonly Uint8Array[],
  { onImages, signal }: { onImages?: ((more: number) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<CopyCandidate[]> {
  if (details.length < 2) return [];
  const seen = details.map(tellingIn);
  const { turned, cropped } = await bucketsOf(seen, signal);
  const nearest = details.map(() => createNearest(MOST_CANDIDATES));
  const session = await openSession(productModel());
  try {
    for (const [bucket, views] of turned.entries()) {
      signal?.throwIfAborted();
      const crops = cropped[bucket]!;
      const b = { dims: [views.length, COLUMNS], data: described(seen, turnTaps, views) };
      const atOnce = Math.max(1, Math.floor(PRODUCTS_AT_ONCE / Math.max(1, views.length)));
      for (let from = 0; views.length > 0 && from < crops.length; from += atOnce) {
        const some = crops.slice(from, from + atOnce);
        const a = { dims: [some.length, COLUMNS], data: described(seen, windowTaps, some) };
        offerAll(nearest, (await session.run({ a, b })).product!.data as Float32Array, some, views);
      }
      onImages?.(details.length / turned.length);
      await nextTask();
    }
  } finally {
    await session.close();
  }
  return pairsOf(nearest);
}

function offerAll(
  nearest: readonly Nearest[],
  similarities: Float32Array,
  crops: readonly number[],
  views: readonly number[],
): void {
  const images = Int32Array.from(views, (view) => Math.floor(view / TURNS.length));
  let at = 0;
  for (const crop of crops) {
    const own = Math.floor(crop / WINDOWS.length);
    const best = nearest[own]!;
    for (let i = 0; i < images.length; i++) {
      const value = similarities[at++]!;
      if (value > best.least && images[i] !== own) best.offer({ value, image: images[i]!, view: views[i]!, crop });
    }
  }
}

/** For each pivot, the rotated views that are most similar to it, and the crops to compare with them. */
async function bucketsOf(
  seen: readonly Grey[],
  signal: AbortSignal | undefined,
): Promise<{ readonly turned: number[][]; readonly cropped: number[][] }> {
  const views = seen.length * TURNS.length;
  const count = views <= ONE_BUCKET ? 1 : Math.round(PIVOTS_A_ROOT * Math.sqrt(views));
  const random = randomFor(0, "pivots");
  const pivots = described(
    seen,
    turnTaps,
    Array.from({ length: count }, () => random.below(views)),
  );
  const probes = Math.min(PROBES, count);
  const session = await openSession(pivotModel(pivots, probes));
  const turned = Array.from({ length: count }, (): number[] => []);
  const cropped = Array.from({ length: count }, (): number[] => []);
  try {
    for (let from = 0; from < seen.length; from += IMAGES_AT_ONCE) {
      signal?.throwIfAborted();
      const some = seen.slice(from, from + IMAGES_AT_ONCE);
      const into = async (buckets: number[][], poses: readonly Taps[], each: number): Promise<void> => {
        const data = described(some, poses, upTo(some.length * poses.length));
        const result = await session.run({ x: { dims: [data.length / COLUMNS, COLUMNS], data } });
        const best = result.best!.data as BigInt64Array;
        for (let view = 0; view < some.length * poses.length; view++)
          for (let rank = 0; rank < each; rank++)
            buckets[Number(best[view * probes + rank])]!.push(from * poses.length + view);
      };
      await into(turned, turnTaps, 1);
      await into(cropped, windowTaps, probes);
      await nextTask();
    }
  } finally {
    await session.close();
  }
  return { turned, cropped };
}

/** Each pair once, the most similar first. */
function pairsOf(nearest: readonly Nearest[]): CopyCandidate[] {
  const pairs = new Map<number, CopyCandidate>();
  nearest.forEach(({ found }, b) => {
    for (const { image: a, value: similarity, view, crop } of found) {
      const key = Math.min(a, b) * nearest.length + Math.max(a, b);
      if ((pairs.get(key)?.similarity ?? -1) >= similarity) continue;
      const start = composed(WINDOWS[crop % WINDOWS.length]!, inverted(TURNS[view % TURNS.length]!));
      pairs.set(key, { a, b, start, similarity });
    }
  });
  return [...pairs.values()].sort(
    (one, other) => other.similarity - one.similarity || one.a - other.a || one.b - other.b,
  );
}

/** An image that is similar to another: rotated as in `view`, if the other is cropped as in `crop`. */
interface Near {
  readonly value: number;
  readonly image: number;
  readonly view: number;
  readonly crop: number;
}

interface Nearest {
  readonly found: readonly Near[];
  /** A value must exceed this to be added. */
  readonly least: number;
  offer(one: Near): void;
}

/** Keeps the `count` images with the highest values, each once. */
function createNearest(count: number): Nearest {
  const found: Near[] = [];
  return {
    found,
    least: LEAST_SIMILARITY,
    offer(one) {
      const known = found.findIndex(({ image }) => image === one.image);
      if (known >= 0 && found[known]!.value >= one.value) return;
      if (known >= 0) found.splice(known, 1);
      let at = found.length;
      while (at > 0 && found[at - 1]!.value < one.value) at--;
      found.splice(at, 0, one);
      if (found.length > count) found.pop();
      if (found.length === count) (this as { least: number }).least = found.at(-1)!.value;
    },
  };
}

/** `x` `[n, K]` → `best` `[n, probes]`: the most similar pivots of each row, the best first. */
function pivotModel(pivots: Float32Array, probes: number): Uint8Array {
  return encodeModelWhole(
    modelOf({
      name: "pivots",
      nodes: [
        node("Gemm", ["x", "pivots"], ["similarity"], { transB: 1 }),
        node("TopK", ["similarity", "probes"], ["values", "best"]),
      ],
      inputs: [{ name: "x", type: "float32", dims: ["n", COLUMNS] }],
      outputs: [{ name: "best", type: "int64", dims: ["n", probes] }],
      initializers: new Map([
        ["pivots", float32Tensor([pivots.length / COLUMNS, COLUMNS], pivots)],
        ["probes", int64Tensor([1], [probes])],
      ]),
    }),
  );
}

/** `a` `[n, K]` and `b` `[m, K]` → `product` `[n, m]`. */
const productModel = (): Uint8Array =>
  encodeModelWhole(
    modelOf({
      name: "product",
      nodes: [node("Gemm", ["a", "b"], ["product"], { transB: 1 })],
      inputs: [
        { name: "a", type: "float32", dims: ["n", COLUMNS] },
        { name: "b", type: "float32", dims: ["m", COLUMNS] },
      ],
      outputs: [{ name: "product", type: "float32", dims: ["n", "m"] }],
      initializers: new Map(),
    }),
  );
