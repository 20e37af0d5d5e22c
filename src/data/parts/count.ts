/** How many parts of a kind a file may have. */

/** Frames, pages, segments: more than files in earnest have. A decoder takes a tenth of a millisecond for each, or more. */
export const MAX_PARTS = 5000;

/** Why a file with too many of its parts is not decoded. */
export const tooMany = (what: string, most: number): string =>
  `it has more than ${most.toLocaleString("en")} ${what}, save it again as PNG or JPEG`;
