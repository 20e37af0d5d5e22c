/**
 * A view: one augmented version of an image as plain data, with all random numbers drawn, so that it can be stored, sent and
 * rendered again to the same pixels. plan.ts draws views, render.ts renders them.
 */

/** A rectangle, in pixels of the image or as shares of the view (0 to 1). */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * One change of colour, as in torchvision's `functional.adjust_*` on floating-point images, clipped to 0 … 255 afterwards. `factor` 1
 * changes nothing; 0 makes the image black (brightness), a single grey (contrast) or greyscale (saturation).
 */
export type ColourStep =
  | { readonly kind: "brightness"; readonly factor: number }
  | { readonly kind: "contrast"; readonly factor: number }
  | { readonly kind: "saturation"; readonly factor: number }
  /** A hue shift of −0.5 to 0.5 turns; 0 changes nothing. */
  | { readonly kind: "hue"; readonly turns: number };

/** The changes to an image, in this order: crop and resize, flip, rotate, change colours, erase. */
export interface View {
  /** In pixels of the image; may be fractional. */
  readonly crop: Box;
  /** Whether to flip horizontally. */
  readonly flip: boolean;
  /** Rotation, counter-clockwise about the crop's centre, after resizing. Pixels around the crop become visible. */
  readonly degrees: number;
  readonly colour: readonly ColourStep[];
  /** Rectangles, as shares of the view, that are filled with the mean colour of the view. */
  readonly erased: readonly Box[];
}

/** The view of the whole image, changed only in size. */
export const wholeView = ({ width, height }: { readonly width: number; readonly height: number }): View => ({
  crop: { left: 0, top: 0, width, height },
  flip: false,
  degrees: 0,
  colour: [],
  erased: [],
});
