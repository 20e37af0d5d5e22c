/** Types for the part of the codec package that Graft uses: the package has none. */
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  export interface Decoder {
    /** Allocates memory of the codec for a file of `length` bytes, which the caller then writes. */
    getEncodedBuffer(length: number): Uint8Array;
    /** Throws a number if the file cannot be decoded. */
    decode(): void;
    /** The pixels, in the codec's memory: red, green, blue. */
    getDecodedBuffer(): Uint8ClampedArray;
  }
  export interface Codec {
    readonly JPEGDecoder: new () => Decoder;
  }
  export default function createCodec(options: { print(): void; printErr(): void }): Promise<Codec>;
}
