/** What a picture is, by its header alone: enough to refuse what decode.ts would, without decoding. */
import { readBytes } from "../base/files.ts";
import { decodeBmp } from "./bmp.ts";
import { failFor, type ImageHeader, limitsOf, processMemory, readHeader } from "./image-header.ts";
import { MAX_PIXELS } from "./rgb-image.ts";
import { sniffFile } from "./sniff.ts";

export type Inspected = Pick<ImageHeader, "format" | "width" | "height">;

/**
 * Reads a picture's header. What passes may still be damaged further on.
 *
 * @param called the file's name in errors
 * @throws GraftError (`data`) where it is no picture that decode.ts would read
 */
export async function inspectImage(path: string, called = path): Promise<Inspected> {
  const fail = failFor(called);
  // What is no image at all is not read to its end.
  if ((await sniffFile(path)) === undefined) await readHeader(new Uint8Array([0]), fail, limitsOf({}));
  const bytes = await readBytes(path);
  const memory = processMemory();
  await memory.wait(bytes.length);
  try {
    const { format, width, height } = await readHeader(bytes, fail, limitsOf({}));
    // A bitmap's header says nothing of what its pixels lack.
    if (format === "bmp") decodeBmp(bytes, fail, MAX_PIXELS);
    return { format, width, height };
  } finally {
    memory.give(bytes.length);
  }
}
