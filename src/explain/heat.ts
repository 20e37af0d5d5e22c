/** A map of how much each place of a picture mattered. */

/** `values` are `[height, width]`, row by row; what they measure, its maker says. */
export interface Heat {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}
