/** Bytes of a file as an `ArrayBuffer` that typed arrays can view: elements need not be aligned in a file. */

/** A copy of `bytes` whose length is a multiple of `size` (what is over is dropped; readers check lengths before). */
export const alignedCopy = (bytes: Uint8Array, size: number): ArrayBuffer =>
  new Uint8Array(bytes.subarray(0, bytes.length - (bytes.length % size))).buffer;
