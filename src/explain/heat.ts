/** The type of a heat map: how much each position of an image matters. */

/** `values` are `[height, width]`, row by row; their meaning depends on the method. */
export interface Heat {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}
