/** A signature's detail at several sizes, blurred slightly to tolerate small shifts, and its fine detail. */
import { once } from "../../base/once.ts";
import { DETAIL_SIDE } from "./signature.ts";

/** Grey values `[side, side]`. */
export interface Grey {
  readonly side: number;
  readonly values: Float32Array;
}

/** One image at one size. */
export interface Level {
  readonly grey: Grey;
  /** What further blurring removes. */
  readonly fine: Grey;
}

/** One image at the sides 16, 32 and 64. */
export type Levels = readonly Level[];

/** The corners of a rotated image are black or invented: only a disc of this radius is compared; radius 1 touches the sides. */
export const RADIUS = 0.92;

const wholeOf = (detail: Uint8Array): Grey => ({ side: DETAIL_SIDE, values: Float32Array.from(detail) });

/** A signature's detail at side 16, as in {@link Levels}. */
export const coarseOf = (detail: Uint8Array): Grey => blurred(halved(halved(wholeOf(detail))));

/** All levels of a signature's detail, computed on demand: few pairs need the larger ones. */
export function levelsOf(detail: Uint8Array): Levels {
  const level = (grey: () => Grey): Level => {
    const own = once(() => blurred(grey()));
    const fine = once(() => without(own(), blurred(blurred(own())), 1));
    return {
      get grey() {
        return own();
      },
      get fine() {
        return fine();
      },
    };
  };
  const whole = once(() => wholeOf(detail));
  const half = once(() => halved(whole()));
  return [level(() => halved(half())), level(half), level(whole)];
}

/** `grey` minus a share of another. */
export const without = ({ side, values }: Grey, other: Grey, share: number): Grey => ({
  side,
  values: subtracted(values, other.values, share),
});

function subtracted(values: Float32Array, others: Float32Array, share: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = values[i]! - share * others[i]!;
  return result;
}

function halved({ side, values }: Grey): Grey {
  const half = side / 2;
  const result = new Float32Array(half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const from = 2 * (y * side + x);
      result[y * half + x] = (values[from]! + values[from + 1]! + values[from + side]! + values[from + side + 1]!) / 4;
    }
  }
  return { side: half, values: result };
}

/** Blurs with the weights ¼ ½ ¼ in both directions; pixels outside of the image repeat its edge. */
export function blurred({ side, values }: Grey): Grey {
  const across = new Float32Array(values.length);
  const result = new Float32Array(values.length);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const left = values[x > 0 ? at - 1 : at]!;
      const right = values[x < side - 1 ? at + 1 : at]!;
      across[at] = 0.25 * (left + right) + 0.5 * values[at]!;
    }
  }
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const above = across[y > 0 ? at - side : at]!;
      const below = across[y < side - 1 ? at + side : at]!;
      result[at] = 0.25 * (above + below) + 0.5 * across[at]!;
    }
  }
  return { side, values: result };
}
