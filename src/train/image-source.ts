/** Images as a training sees them: something that can be loaded, told from others and decoded. Types alone. */
import type { RgbImage } from "../data/rgb-image.ts";

/** Where an image comes from. */
export interface ImageSource {
  /** What it is called in messages; a file's path. */
  readonly name: string;
  /** Reads it as far as is needed to tell it from others. Throws GraftError (`data`) where it cannot be read. */
  load(): Promise<LoadedImage>;
}

export interface LoadedImage {
  /** Equal for equal images and for no others: the SHA-256 of the file where there is one. */
  readonly digest: string;
  /** The file, where there is one: other threads can be given it. */
  readonly bytes?: Uint8Array | undefined;
  /** Decodes it and does something with its pixels. Throws GraftError (`data`) where it cannot be decoded. */
  use<T>(work: (image: RgbImage) => Promise<T>): Promise<T>;
}

/** An image that was loaded before. */
export interface KnownImage {
  readonly source: ImageSource;
  readonly digest: string;
}
