/** How many parts of a kind a file may have. */

export interface Parts {
  /** Why the file is not decoded, for the end of a sentence; nothing where it may be. */
  readonly fault?: string | undefined;
  /** Scans of a JPEG; with more than one its coefficients are all held. */
  readonly scans?: number | undefined;
  /** Pixels that an AVIF decoder decodes, of all tiles and layers. */
  readonly codedPixels?: number | undefined;
}

/** Frames, pages, segments: more than files in earnest have. A decoder takes a tenth of a millisecond for each, or more. */
export const MAX_PARTS = 5000;

/** Why a file with too many of its parts is not decoded. */
export const tooMany = (what: string, most: number): string =>
  `it has more than ${most.toLocaleString("en")} ${what}, save it again as PNG or JPEG`;
