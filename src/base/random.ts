/**
 * The one source of randomness: a small seeded generator that callers pass in, so that the same seed gives the same split, folds and
 * weights on every machine. Not for cryptography.
 */

/** FNV-1a over the UTF-8 bytes of a text: a signed 32-bit integer. Not safe against chosen input. Source: RFC 9923. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

/** A seeded stream of random numbers. */
export interface Random {
  /** The next number, uniform in [0, 1). */
  next(): number;
  /** An integer, uniform in 0 … `bound` − 1. */
  below(bound: number): number;
  /** A new array with the same items in random order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

/**
 * A generator for a seed: `sfc32` seeded by `splitmix32`.
 * Source: Chris Doty-Humphrey's PractRand (Small Fast Counter).
 *
 * @param seed any integer; only its low 32 bits matter
 */
export function createRandom(seed: number): Random {
  let mix = seed | 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [splitmix(), splitmix(), splitmix(), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    shuffle<T>(items: readonly T[]): T[] {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      return shuffled;
    },
  };
}

/**
 * A generator for one purpose (an image's third view, a fold): the same seed and key give the same numbers, whatever else was drawn
 * and in whatever order. Different keys give unrelated numbers.
 */
export const randomFor = (seed: number, ...key: readonly (string | number)[]): Random =>
  createRandom(fnv1a(JSON.stringify([seed | 0, ...key])));

/** A stream of standard normal numbers, two from each pair of uniform ones. Source: Box and Muller 1958. */
export function normals(random: Random): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    const angle = 2 * Math.PI * random.next();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
