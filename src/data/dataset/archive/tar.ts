/** Unpacks an untrusted tar, plain or gzipped. Its size is known only at its end, so all limits are checked on the way. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { GraftError, messageOf } from "../../../base/errors.ts";
import { createMeter } from "../../../base/progress.ts";
import { isMachineFault } from "../../../base/system-errors.ts";
import { type ReadEntry, readTar } from "../../../base/tar.ts";
import type { BoundedOptions } from "./limits.ts";
import { sizeRefusal } from "./limits.ts";
import type { ArchiveWriter } from "./writer.ts";

export async function unpackTar(
  path: string,
  isGzipped: boolean,
  writer: ArchiveWriter,
  { limits, onProgress, signal }: BoundedOptions,
): Promise<void> {
  const { size } = await stat(path);
  const meter = createMeter({ stage: "Unpacking", unit: "bytes", total: size, onProgress });
  const packed = createReadStream(path, { highWaterMark: 1 << 18 });
  const unpacked = isGzipped ? pipeline(packed, createGunzip({ chunkSize: 1 << 18 }), () => {}) : packed;
  let [entries, bytes] = [0, 0];
  const places = new Map<ReadEntry, string>();
  try {
    await readTar(onceCompressed(unpacked, writer), {
      onChunk(chunk) {
        signal?.throwIfAborted();
        bytes += chunk.length;
        const refusal = sizeRefusal(bytes, size, limits);
        if (refusal !== undefined) throw writer.refusal(refusal);
        meter.set(packed.bytesRead);
      },
      accept(entry) {
        if (++entries > limits.entries) throw writer.refusal(`it holds more than ${limits.entries} files`);
        const place = writer.admit(entry.path, entry.type === "Directory" ? "folder" : "file");
        if (place === undefined) return false;
        const fault = kinds.get(entry.type);
        if (fault !== undefined) writer.note(place, fault, "special");
        else places.set(entry, place);
        return fault === undefined;
      },
      async take(entry) {
        const place = places.get(entry)!;
        places.delete(entry);
        if (entry.type === "Directory") await writer.makeFolder(place);
        else if (!(await writer.passOver(place))) await writer.write(place, chunksOf(entry));
        // Skip what was not read, so that the next entry can follow.
        entry.resume();
      },
    });
  } catch (error) {
    if (error instanceof GraftError || signal?.aborted || isMachineFault(error)) throw error;
    throw writer.refusal(`it is damaged or cut off (${messageOf(error)})`, error);
  } finally {
    packed.destroy();
  }
}

/** Entry types that are not files. */
const kinds: ReadonlyMap<string, string> = new Map([
  ["SymbolicLink", "a link"],
  ["Link", "a link"],
  ["CharacterDevice", "a device"],
  ["BlockDevice", "a device"],
  ["FIFO", "a pipe"],
  ["SparseFile", "a file with holes, which are not read"],
  ["Unsupported", "of a kind that is not read"],
]);

/** An entry's bytes; leaving them early does not end the tar. */
async function* chunksOf(entry: ReadEntry): AsyncGenerator<Uint8Array> {
  for await (const chunk of entry) yield chunk;
}

/** The chunks. Throws if they are compressed twice, because the tar parser would unpack that without limits. */
async function* onceCompressed(source: AsyncIterable<Uint8Array>, writer: ArchiveWriter): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | undefined = new Uint8Array();
  for await (const chunk of source) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < 4) continue;
    const isGzip = start[0] === 0x1f && start[1] === 0x8b;
    const isZstandard = start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd;
    if (isGzip || isZstandard) throw writer.refusal("it is compressed twice, unpack it first");
    yield start;
    start = undefined;
  }
  if (start !== undefined) throw writer.refusal("it is empty");
}
