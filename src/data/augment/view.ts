/**
 * A view: one augmented look at a picture, as plain data with every number already drawn, so that it can be stored, sent
 * and rendered again to the same pixels. Drawing the numbers is in plan.ts, making the pixels in render.ts.
 */

/** A rectangle; in pixels of the picture, or as shares of the view (0 to 1), as its owner says. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * One change of colour, as torchvision's `functional.adjust_*` on floating-point pictures defines it, cut off to 0 … 255
 * after each. `factor` 1 leaves the picture as it is; 0 makes it black (brightness), one grey (contrast), grey (saturation).
 */
export type ColourStep =
  | { readonly kind: "brightness"; readonly factor: number }
  | { readonly kind: "contrast"; readonly factor: number }
  | { readonly kind: "saturation"; readonly factor: number }
  /** A turn of the colour circle, −0.5 to 0.5 turns; 0 leaves the picture as it is. */
  | { readonly kind: "hue"; readonly turns: number };

/** What happens to a picture, in this order: crop and resize, flip, rotate, change colours, erase. */
export interface View {
  /** In pixels of the picture; need not be whole numbers. */
  readonly crop: Box;
  /** Left and right exchanged. */
  readonly flip: boolean;
  /** Counter-clockwise, about the crop's centre, after resizing; 0 for none. What lies around the crop turns into view. */
  readonly degrees: number;
  readonly colour: readonly ColourStep[];
  /** Rectangles, as shares of the view, that are painted over with the view's mean colour. */
  readonly erased: readonly Box[];
}

/** The view that shows all of a picture, unchanged but for its size. */
export const wholeView = ({ width, height }: { readonly width: number; readonly height: number }): View => ({
  crop: { left: 0, top: 0, width, height },
  flip: false,
  degrees: 0,
  colour: [],
  erased: [],
});
