/**
 * Laying one picture on another: Gauss–Newton on the squared difference of grey values, brightness and contrast left free, from coarse
 * to fine. Source: G. Evangelidis and E. Psarakis, "Parametric image alignment using enhanced correlation coefficient
 * maximization", IEEE PAMI 30 (2008); B. Lucas and T. Kanade, IJCAI 1981.
 */
import { type Grey, type Levels, RADIUS } from "./levels.ts";
import { isPlausible, type Pose } from "./pose.ts";
import { DETAIL_SIDE } from "./signature.ts";

/** At least this share of the first picture must lie on the second. */
const LEAST_OVERLAP = 0.4;
/** At the least, how well two versions of a picture agree as they are put at first. */
const LEAST_AT_FIRST = 0.76;
/**
 * What is done at each of the levels, and how well two versions of a picture agree then, at the least: in their grey values, and in what
 * is fine in them. Of pictures of the shared datasets that were changed in several ways at once, 95 of 100 come to more than all of these; of
 * different ones none does.
 */
const STAGES = [
  { steps: 2, least: 0.93, leastFine: 0.65 },
  { steps: 2, least: 0.9, leastFine: 0.83 },
  { steps: 3, least: 0.9, leastFine: 0.86 },
] as const;
/** A pose that changes by less than this is found. */
const SETTLED = 0.003;
/** Keeps the system of equations solvable where a picture has edges in one direction only. */
const DAMPING = 1e-3;

/** The pixels of a side that are in the disc: their places, and their coordinates from −1 to 1. */
interface Disc {
  readonly places: Int32Array;
  readonly u: Float64Array;
  readonly v: Float64Array;
}

const discs = new Map<number, Disc>();

function discOf(side: number): Disc {
  const known = discs.get(side);
  if (known) return known;
  const coordinate = (i: number): number => (2 * i + 1) / side - 1;
  const places = Array.from({ length: side * side }, (_, i) => i).filter(
    (i) => coordinate(i % side) ** 2 + coordinate(Math.floor(i / side)) ** 2 <= RADIUS ** 2,
  );
  const disc = {
    places: Int32Array.from(places),
    u: Float64Array.from(places, (i) => coordinate(i % side)),
    v: Float64Array.from(places, (i) => coordinate(Math.floor(i / side))),
  };
  discs.set(side, disc);
  return disc;
}

/** What is read of the second picture under the first one's pixels; one at a time is under way. */
const MOST = DETAIL_SIDE ** 2;
const [sampled, slopeU, slopeV] = [new Float64Array(MOST), new Float64Array(MOST), new Float64Array(MOST)];
const inBoth = new Uint8Array(MOST);

interface Moments {
  readonly correlation: number;
  readonly meanA: number;
  readonly meanB: number;
  /** Sums about the means. */
  readonly squaresB: number;
  readonly products: number;
  readonly squaresA: number;
}

/** Reads `b` where `pose` puts the pixels of `a`, with its slopes. Nothing where they overlap too little or one is plain. */
function overlay(a: Grey, b: Grey, pose: ArrayLike<number>): Moments | undefined {
  const { side } = a;
  const { places, u, v } = discOf(side);
  const [p0, p1, p2, p3, p4, p5] = [pose[0]!, pose[1]!, pose[2]!, pose[3]!, pose[4]!, pose[5]!];
  const limit = RADIUS * RADIUS;
  let count = 0;
  let sumA = 0;
  let sumB = 0;
  let squaresA = 0;
  let squaresB = 0;
  let products = 0;
  for (let i = 0; i < places.length; i++) {
    const across = p0 * u[i]! + p1 * v[i]! + p2;
    const down = p3 * u[i]! + p4 * v[i]! + p5;
    inBoth[i] = 0;
    if (across * across + down * down > limit) continue;
    const x = ((across + 1) * side - 1) / 2;
    const y = ((down + 1) * side - 1) / 2;
    const left = Math.min(side - 2, Math.max(0, Math.floor(x)));
    const top = Math.min(side - 2, Math.max(0, Math.floor(y)));
    const dx = x - left;
    const dy = y - top;
    const at = top * side + left;
    const b00 = b.values[at]!;
    const b01 = b.values[at + 1]!;
    const b10 = b.values[at + side]!;
    const b11 = b.values[at + side + 1]!;
    const above = b00 + dx * (b01 - b00);
    const below = b10 + dx * (b11 - b10);
    const value = above + dy * (below - above);
    sampled[i] = value;
    slopeU[i] = (((b01 - b00) * (1 - dy) + (b11 - b10) * dy) * side) / 2;
    slopeV[i] = ((below - above) * side) / 2;
    inBoth[i] = 1;
    count++;
    const own = a.values[places[i]!]!;
    sumA += own;
    sumB += value;
    squaresA += own * own;
    squaresB += value * value;
    products += own * value;
  }
  if (count < LEAST_OVERLAP * places.length) return undefined;
  const [meanA, meanB] = [sumA / count, sumB / count];
  squaresA -= count * meanA * meanA;
  squaresB -= count * meanB * meanB;
  products -= count * meanA * meanB;
  if (squaresA < 1e-6 * count || squaresB < 1e-6 * count) return undefined;
  return { correlation: products / Math.sqrt(squaresA * squaresB), meanA, meanB, squaresA, squaresB, products };
}

const [normal, right, change] = [new Float64Array(36), new Float64Array(6), new Float64Array(6)];
const lower = new Float64Array(36);

/** Solves the normal equations into `change`, by Cholesky; false where they have no solution. */
function solve(): boolean {
  for (let i = 0; i < 6; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = normal[i * 6 + j]!;
      for (let k = 0; k < j; k++) sum -= lower[i * 6 + k]! * lower[j * 6 + k]!;
      if (i !== j) lower[i * 6 + j] = sum / lower[j * 7]!;
      else if (sum > 0) lower[i * 7] = Math.sqrt(sum);
      else return false;
    }
  }
  for (let i = 0; i < 6; i++) {
    let sum = right[i]!;
    for (let k = 0; k < i; k++) sum -= lower[i * 6 + k]! * change[k]!;
    change[i] = sum / lower[i * 7]!;
  }
  for (let i = 5; i >= 0; i--) {
    let sum = change[i]!;
    for (let k = i + 1; k < 6; k++) sum -= lower[k * 6 + i]! * change[k]!;
    change[i] = sum / lower[i * 7]!;
  }
  return true;
}

/** The step that brings the overlaid pictures nearer to each other, into `change`. */
function step(a: Grey, { meanA, meanB, squaresA, squaresB, products }: Moments): boolean {
  const { places, u, v } = discOf(a.side);
  // Of pictures that are far from each other the contrast cannot be told yet.
  const gain = Math.max(products, 0.3 * Math.sqrt(squaresA * squaresB)) / squaresB;
  // A pixel's row of the Jacobian is (s·u, s·v, s, t·u, t·v, t) of its slopes s and t: the sums of s², s·t and t² with 1, u, v, u², u·v, v².
  let ss = 0;
  let ssU = 0;
  let ssV = 0;
  let ssUu = 0;
  let ssUv = 0;
  let ssVv = 0;
  let st = 0;
  let stU = 0;
  let stV = 0;
  let stUu = 0;
  let stUv = 0;
  let stVv = 0;
  let tt = 0;
  let ttU = 0;
  let ttV = 0;
  let ttUu = 0;
  let ttUv = 0;
  let ttVv = 0;
  let se = 0;
  let seU = 0;
  let seV = 0;
  let te = 0;
  let teU = 0;
  let teV = 0;
  for (let i = 0; i < places.length; i++) {
    if (inBoth[i] === 0) continue;
    const error = a.values[places[i]!]! - meanA - gain * (sampled[i]! - meanB);
    const x = u[i]!;
    const y = v[i]!;
    const s = gain * slopeU[i]!;
    const t = gain * slopeV[i]!;
    let product = s * s;
    ss += product;
    ssU += product * x;
    ssV += product * y;
    ssUu += product * x * x;
    ssUv += product * x * y;
    ssVv += product * y * y;
    product = s * t;
    st += product;
    stU += product * x;
    stV += product * y;
    stUu += product * x * x;
    stUv += product * x * y;
    stVv += product * y * y;
    product = t * t;
    tt += product;
    ttU += product * x;
    ttV += product * y;
    ttUu += product * x * x;
    ttUv += product * x * y;
    ttVv += product * y * y;
    product = s * error;
    se += product;
    seU += product * x;
    seV += product * y;
    product = t * error;
    te += product;
    teU += product * x;
    teV += product * y;
  }
  const ridge = (DAMPING * (ssUu + ssVv + ss + ttUu + ttVv + tt)) / 6;
  // The lower triangle, row by row.
  const system = [ssUu + ridge, ssUv, ssVv + ridge, ssU, ssV, ss + ridge, stUu, stUv, stU, ttUu + ridge];
  system.push(stUv, stVv, stV, ttUv, ttVv + ridge, stU, stV, st, ttU, ttV, tt + ridge);
  for (let r = 0, at = 0; r < 6; r++) for (let c = 0; c <= r; c++) normal[r * 6 + c] = system[at++]!;
  right.set([seU, seV, se, teU, teV, te]);
  return solve();
}

/** Improves `pose` in place by at most so many steps; the correlation that it comes to, −1 where the pictures do not fit. */
function refine(a: Grey, b: Grey, pose: Float64Array, steps: number): number {
  for (let done = 0; ; done++) {
    const found = overlay(a, b, pose);
    if (!found) return -1;
    if (done === steps || !step(a, found)) return found.correlation;
    let most = 0;
    for (let i = 0; i < 6; i++) {
      pose[i] = pose[i]! + change[i]!;
      most = Math.max(most, Math.abs(change[i]!));
    }
    if (!isPlausible(pose)) return -1;
    if (most < SETTLED) return overlay(a, b, pose)?.correlation ?? -1;
  }
}

export interface Alignment {
  /** Where the first picture's points are in the second. */
  readonly pose: Pose;
  /** Correlation of what is fine in both, where they overlap: near 1 for two versions of one picture, whatever was done to its light. */
  readonly fine: number;
}

/** Lays `a` on `b`, starting from a pose that is roughly right. Nothing where they are not versions of one picture. */
export function align(a: Levels, b: Levels, start: Pose): Alignment | undefined {
  const pose = Float64Array.from(start);
  if (refine(a[0]!.grey, b[0]!.grey, pose, 0) < LEAST_AT_FIRST) return undefined;
  let agreement = -1;
  for (const [at, { steps, least, leastFine }] of STAGES.entries()) {
    if (refine(a[at]!.grey, b[at]!.grey, pose, steps) < least) return undefined;
    agreement = overlay(a[at]!.fine, b[at]!.fine, pose)?.correlation ?? -1;
    if (agreement < leastFine) return undefined;
  }
  return { pose: [...pose] as unknown as Pose, fine: agreement };
}
