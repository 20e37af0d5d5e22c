/** Aligns bytes of a file for typed arrays. */

/** A copy of `bytes`, cut to a multiple of `size` bytes; readers check lengths beforehand. */
export const alignedCopy = (bytes: Uint8Array, size: number): ArrayBuffer =>
  new Uint8Array(bytes.subarray(0, bytes.length - (bytes.length % size))).buffer;
