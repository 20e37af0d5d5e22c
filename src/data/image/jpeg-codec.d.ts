/** The part of the codec package that is used here; it comes without types. */
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  export interface Decoder {
    /** Makes room for a file of so many bytes, in the codec's memory, to be filled. */
    getEncodedBuffer(length: number): Uint8Array;
    /** Throws a number where the file cannot be decoded. */
    decode(): void;
    /** The pixels, in the codec's memory: red, green, blue. */
    getDecodedBuffer(): Uint8ClampedArray;
  }
  export interface Codec {
    readonly JPEGDecoder: new () => Decoder;
  }
  export default function createCodec(options: { print(): void; printErr(): void }): Promise<Codec>;
}
