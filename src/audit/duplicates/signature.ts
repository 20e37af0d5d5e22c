/**
 * Comparing signatures: whether two pictures are one and the same but for size, compression and mirroring; and the few numbers by which
 * search.ts finds the pairs that are worth comparing.
 */
import { SIGNATURE_SIDE } from "../traits/traits.ts";

/** A signature made ready for comparison. */
export interface Print {
  /** `[16, 16, 3]`, RGB. */
  readonly signature: Uint8Array;
  readonly mirrored: Uint8Array;
  readonly mean: number;
  /** Length of the signature about its mean; 0 for one plain colour. */
  readonly length: number;
  /** `[8, 8, 3]`: the signature averaged further, about its mean; and that of the mirrored picture. */
  readonly coarse: Float32Array;
  readonly coarseMirrored: Float32Array;
}

const COARSE_SIDE = 8;
/** Numbers in {@link Print.coarse}. */
export const COARSE_SIZE = COARSE_SIDE ** 2 * 3;

/** From this length on a signature can be compared: three grey levels of standard deviation; below, noise decides. */
const LEAST_LENGTH = 3 * Math.sqrt(SIGNATURE_SIDE ** 2 * 3);

/** Whether there is enough on the picture for its signature to tell it from others. */
export const isTelling = ({ length }: Print): boolean => length >= LEAST_LENGTH;

export function printOf(signature: Uint8Array): Print {
  let sum = 0;
  for (const value of signature) sum += value;
  const mean = sum / signature.length;
  let squares = 0;
  for (const value of signature) squares += (value - mean) ** 2;
  const mirrored = mirror(signature);
  return {
    signature,
    mirrored,
    mean,
    length: Math.sqrt(squares),
    coarse: coarsen(signature, mean),
    coarseMirrored: coarsen(mirrored, mean),
  };
}

/**
 * How alike two pictures are, mirrored or not: the larger of two correlations of their signatures, −1 to 1.
 * Resized, recompressed and mirrored copies of the shared datasets come to 0.998 and more, different pictures to 0.98 at the most.
 */
export function likeness(a: Print, b: Print): number {
  if (a.length === 0 || b.length === 0) return 0;
  const count = a.signature.length;
  let [straight, mirrored] = [0, 0];
  for (let i = 0; i < count; i++) {
    straight += a.signature[i]! * b.signature[i]!;
    mirrored += a.signature[i]! * b.mirrored[i]!;
  }
  return (Math.max(straight, mirrored) - count * a.mean * b.mean) / (a.length * b.length);
}

function mirror(signature: Uint8Array): Uint8Array {
  const mirrored = new Uint8Array(signature.length);
  for (let y = 0; y < SIGNATURE_SIDE; y++) {
    for (let x = 0; x < SIGNATURE_SIDE; x++) {
      const [from, to] = [(y * SIGNATURE_SIDE + x) * 3, (y * SIGNATURE_SIDE + SIGNATURE_SIDE - 1 - x) * 3];
      mirrored.set(signature.subarray(from, from + 3), to);
    }
  }
  return mirrored;
}

/** Four places averaged to one, about the mean. */
function coarsen(signature: Uint8Array, mean: number): Float32Array {
  const step = SIGNATURE_SIDE / COARSE_SIDE;
  const coarse = new Float32Array(COARSE_SIZE).fill(-mean);
  signature.forEach((value, i) => {
    const [place, channel] = [Math.floor(i / 3), i % 3];
    const [x, y] = [Math.floor((place % SIGNATURE_SIDE) / step), Math.floor(place / SIGNATURE_SIDE / step)];
    const to = (y * COARSE_SIDE + x) * 3 + channel;
    coarse[to] = coarse[to]! + value / step ** 2;
  });
  return coarse;
}
