/**
 * Comparing signatures: whether two pictures are one and the same but for size, compression and mirroring; and a hash that such
 * pictures nearly share, by which few pairs need comparing (see search.ts).
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
  /** {@link HASH_BITS} signs, 32 a word. */
  readonly hash: Hash;
  readonly mirroredHash: Hash;
}

export type Hash = readonly [number, number];

/** Frequencies a side that the hash takes signs of: 8 × 8 without the constant one. */
const FREQUENCIES = 8;
export const HASH_BITS = FREQUENCIES ** 2 - 1;

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
  const frequencies = transform(signature);
  return {
    signature,
    mirrored: mirror(signature),
    mean,
    length: Math.sqrt(squares),
    hash: signs(frequencies, false),
    mirroredHash: signs(frequencies, true),
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

/** In how many bits the hashes of two pictures differ, mirrored or not: the fewer of the two. */
export const hashDistance = (a: Print, b: Print): number =>
  Math.min(differing(a.hash, b.hash), differing(a.mirroredHash, b.hash));

const differing = (a: Hash, b: Hash): number => onesIn(a[0] ^ b[0]) + onesIn(a[1] ^ b[1]);

/** The ones among 32 bits. Source: Warren, Hacker's Delight (2012), figure 5-2. */
function onesIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
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

const cosines = Array.from({ length: FREQUENCIES }, (_, frequency) =>
  Float64Array.from({ length: SIGNATURE_SIDE }, (_, at) =>
    Math.cos((Math.PI * frequency * (2 * at + 1)) / (2 * SIGNATURE_SIDE)),
  ),
);

/** The lowest frequencies of the signature's brightness, `[vertical, horizontal]`: a two-dimensional cosine transform (DCT-II). */
function transform(signature: Uint8Array): Float64Array {
  const across = new Float64Array(SIGNATURE_SIDE * FREQUENCIES);
  for (let y = 0; y < SIGNATURE_SIDE; y++) {
    for (let x = 0; x < SIGNATURE_SIDE; x++) {
      const at = (y * SIGNATURE_SIDE + x) * 3;
      const grey = signature[at]! + signature[at + 1]! + signature[at + 2]!;
      for (let u = 0; u < FREQUENCIES; u++) across[y * FREQUENCIES + u]! += grey * cosines[u]![x]!;
    }
  }
  const both = new Float64Array(FREQUENCIES ** 2);
  for (let v = 0; v < FREQUENCIES; v++) {
    for (let y = 0; y < SIGNATURE_SIDE; y++)
      for (let u = 0; u < FREQUENCIES; u++)
        both[v * FREQUENCIES + u]! += across[y * FREQUENCIES + u]! * cosines[v]![y]!;
  }
  return both;
}

/** One bit a frequency but the constant one: whether it is above zero. Mirroring turns the odd horizontal ones around. */
function signs(frequencies: Float64Array, mirrored: boolean): Hash {
  let [low, high] = [0, 0];
  for (let i = 1; i < frequencies.length; i++) {
    const isOdd = (i % FREQUENCIES) % 2 === 1;
    if (frequencies[i]! > 0 === (mirrored && isOdd)) continue;
    if (i - 1 < 32) low |= 1 << (i - 1);
    else high |= 1 << (i - 1 - 32);
  }
  return [low, high];
}
