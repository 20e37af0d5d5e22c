/** How many parts of a kind a file may have. */

export interface Parts {
  /** Why the file is not decoded, for the end of a sentence; nothing where it may be. */
  readonly fault?: string | undefined;
  /** Scans of a JPEG; with more than one its coefficients are all held. */
  readonly scans?: number | undefined;
  /** Pixels that an AVIF decoder decodes, of all tiles and layers. */
  readonly codedPixels?: number | undefined;
}

/** The most frames, pages or segments: more than real files have. A decoder takes at least 0.1 ms for each. */
export const MAX_PARTS = 5000;

/** Why a file with too many of its parts is not decoded. */
export const tooMany = (what: string, most: number): string =>
  `it has more than ${most.toLocaleString("en")} ${what}, save it again as PNG or JPEG`;
