/** Images of files, for a training in Node. */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { readBytes } from "../base/files.ts";
import { withImage } from "../data/decode.ts";
import type { Passing } from "./environment.ts";
import type { ImageSource, KnownImage } from "./image-source.ts";

export const fileImage = (path: string): ImageSource => ({
  name: path,
  async load() {
    const bytes = await readBytes(path);
    return {
      digest: createHash("sha256").update(bytes).digest("hex"),
      bytes,
      use: (work) => withImage(bytes, work),
    };
  },
});

/** A file whose SHA-256 is known. */
export const knownFile = (path: string, sha256: Buffer): KnownImage => ({
  source: fileImage(path),
  digest: sha256.toString("hex"),
});

export const passing: Passing = {
  // Part of the key of stored boundaries: what comes out may differ in the last bit with it.
  batch: 16,
  loadsAhead: availableParallelism() + 2,
  runsAhead: 2,
  pause: async () => {},
};
