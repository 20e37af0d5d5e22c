/**
 * Which pictures are worth laying on each other: those that look roughly alike once one of them is turned and the other cropped. A
 * picture as it is seen so is a few dozen numbers. They are not all compared with all: each goes into the bucket of the pivot, one of
 * some chosen at random, that it is most like, and a crop is compared with what is in the buckets of the pivots most like it (an inverted
 * file; Sivic and Zisserman, "Video Google", ICCV 2003). With as many pivots as the root of what is sought, the work grows with N^1.5.
 */
import { nextTask } from "../../base/concurrency.ts";
import { randomFor } from "../../base/random.ts";
import { modelOf, node } from "../../graph/model.ts";
import { encodeModelWhole } from "../../graph/onnx/write.ts";
import { float32Tensor, int64Tensor } from "../../graph/tensor.ts";
import { openSession } from "../../runtime/session.ts";
import { blurred, coarseOf, type Grey, RADIUS, without } from "./levels.ts";
import { composed, inverted, type Pose, TURNS, WINDOWS } from "./pose.ts";

/** Two pictures, by their numbers, that may be one. */
export interface Candidate {
  readonly a: number;
  readonly b: number;
  /** Where points of `a` are in `b`, roughly. */
  readonly start: Pose;
  readonly similarity: number;
}

/** Candidates of one picture, at most, and the least that they must be alike. See `npm run bench -- groups`. */
const MOST_CANDIDATES = 8;
const LEAST_SIMILARITY = 0.78;

/** The side of what is looked at. */
const SIDE = 16;
/** A picture is read at the points of a grid of this side that are in the disc. */
const GRID_SIDE = 8;
const grid: readonly (readonly [u: number, v: number])[] = Array.from({ length: GRID_SIDE ** 2 }, (_, i) => {
  const coordinate = (at: number): number => (2 * at + 1) / GRID_SIDE - 1;
  return [coordinate(i % GRID_SIDE), coordinate(Math.floor(i / GRID_SIDE))] as const;
}).filter(([u, v]) => u * u + v * v <= RADIUS ** 2);
const COLUMNS = grid.length;

/** Large areas of light and dark are much the same in many pictures: half of them is taken off. */
const COARSE_SHARE = 0.5;
/** Pictures that vary less than this, in grey levels, look like nothing. */
const LEAST_DEVIATION = 1;

/** What a picture is compared by. */
function tellingIn(detail: Uint8Array): Grey {
  const coarse = coarseOf(detail);
  return without(coarse, blurred(blurred(coarse)), COARSE_SHARE);
}

/** Where the grid's points are in a picture seen in a pose: four neighbouring values each, and their weights. */
interface Taps {
  readonly at: Int32Array;
  readonly weights: Float32Array;
}

function tapsOf([a, b, x, c, d, y]: Pose): Taps {
  const [at, weights] = [new Int32Array(COLUMNS), new Float32Array(4 * COLUMNS)];
  // Beyond the edge lies the edge.
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

/** A picture as seen in a pose: grey values at the grid's points about their mean, of length 1; zeros where it is plain. */
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

/** Views, a picture in a pose each, as rows: view `v` is picture ⌊v / poses⌋ in pose v mod poses. */
function described(pictures: readonly Grey[], poses: readonly Taps[], views: readonly number[]): Float32Array {
  const rows = new Float32Array(views.length * COLUMNS);
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!;
    describe(pictures[Math.floor(view / poses.length)]!, poses[view % poses.length]!, rows, i * COLUMNS);
  }
  return rows;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Up to so many turned views are one bucket, so that of some 200 pictures all are compared with all. */
const ONE_BUCKET = 5000;
/** Pivots a root of the views, and those whose buckets a crop is compared with: 99 in 100 of the pairs that all with all finds. */
const [PIVOTS_A_ROOT, PROBES] = [1.25, 4];
/** Pictures that are put into buckets at once, and similarities that are computed at once. */
const [PICTURES_AT_ONCE, PRODUCTS_AT_ONCE] = [64, 1 << 20];

/**
 * Finds the candidates among pictures.
 *
 * @param details `[64, 64]` each, see signature.ts
 * @param onPictures told how many pictures more are compared
 */
export async function candidatesAmong(
  details: readonly Uint8Array[],
  { onPictures, signal }: { onPictures?: ((more: number) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Candidate[]> {
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
      onPictures?.(details.length / turned.length);
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
  const pictures = Int32Array.from(views, (view) => Math.floor(view / TURNS.length));
  let at = 0;
  for (const crop of crops) {
    const own = Math.floor(crop / WINDOWS.length);
    const best = nearest[own]!;
    for (let i = 0; i < pictures.length; i++) {
      const value = similarities[at++]!;
      if (value > best.least && pictures[i] !== own)
        best.offer({ value, picture: pictures[i]!, view: views[i]!, crop });
    }
  }
}

/** Of each pivot the turned views that are most like it, and the crops that are to be compared with those. */
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
    for (let from = 0; from < seen.length; from += PICTURES_AT_ONCE) {
      signal?.throwIfAborted();
      const some = seen.slice(from, from + PICTURES_AT_ONCE);
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

/** Each pair once, the most alike first. */
function pairsOf(nearest: readonly Nearest[]): Candidate[] {
  const pairs = new Map<number, Candidate>();
  nearest.forEach(({ found }, b) => {
    for (const { picture: a, value: similarity, view, crop } of found) {
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

/** A picture that is like another: turned as in `view`, where the other is cropped as in `crop`. */
interface Near {
  readonly value: number;
  readonly picture: number;
  readonly view: number;
  readonly crop: number;
}

interface Nearest {
  readonly found: readonly Near[];
  /** What a value must be above to be among them. */
  readonly least: number;
  offer(one: Near): void;
}

/** Keeps the `count` pictures of the highest value, each once. */
function createNearest(count: number): Nearest {
  const found: Near[] = [];
  return {
    found,
    least: LEAST_SIMILARITY,
    offer(one) {
      const known = found.findIndex(({ picture }) => picture === one.picture);
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

/** `x` `[n, K]` → `best` `[n, probes]`: the pivots that each row is most like, the most first. */
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
