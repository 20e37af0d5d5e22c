/**
 * Recognises archives by their first bytes, whatever their name, and unpacks zip and tar files within limits. archive-writer.ts decides
 * which entries are written; kept-archive.ts keeps them in the cache.
 */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import yauzl from "yauzl";
import { dataError, GraftError, isDataError, messageOf } from "../../../base/errors.ts";
import { readStart } from "../../../base/files.ts";
import { createMeter, type OnProgress } from "../../../base/progress.ts";
import { isMachineFault, readFailure } from "../../../base/system-errors.ts";
import { type ReadEntry, readTar } from "../../../base/tar.ts";
import type { ArchiveWriter } from "./archive-writer.ts";

export type ArchiveKind = "zip" | "tar" | "tar.gz";

/** Bytes to read: the mark of a tar is at 257. */
const PROBE = 512;

const starts = (bytes: Uint8Array, ...wanted: readonly number[]): boolean =>
  wanted.every((byte, at) => bytes[at] === byte);

/** Formats that are not supported. */
const others: readonly { readonly name: string; readonly start: readonly number[] }[] = [
  { name: "7z", start: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  { name: "RAR", start: [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07] },
  { name: "bzip2", start: [0x42, 0x5a, 0x68] },
  { name: "xz", start: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: "Zstandard", start: [0x28, 0xb5, 0x2f, 0xfd] },
];

/**
 * The kind of an archive; undefined for any other file.
 *
 * @param called the file's name in errors
 * @throws GraftError (`data`) for an archive in an unsupported format
 */
export async function archiveKindOf(path: string, called: string): Promise<ArchiveKind | undefined> {
  const bytes = await readStart(path, PROBE).catch((error: unknown) => {
    throw readFailure(called, error);
  });
  // The second is an empty archive's.
  if (starts(bytes, 0x50, 0x4b, 0x03, 0x04) || starts(bytes, 0x50, 0x4b, 0x05, 0x06)) return "zip";
  if (starts(bytes, 0x1f, 0x8b)) return "tar.gz";
  const hasTarMark = new TextDecoder("latin1").decode(bytes.subarray(257, 262)) === "ustar";
  if (hasTarMark || (/\.tar$/i.test(path) && bytes.length === PROBE)) return "tar";
  const other = others.find(({ start }) => starts(bytes, ...start));
  if (other)
    throw dataError(
      `${called} is packed as ${other.name}, which is not supported: unpack it, or pack it as .zip or .tar.gz.`,
    );
  return undefined;
}

// Limits of an archive. Users unpack larger ones themselves.

export interface UnpackOptions {
  readonly limits?: ArchiveLimits | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** {@link UnpackOptions} with the limits filled in. */
export interface BoundedOptions extends UnpackOptions {
  readonly limits: ArchiveLimits;
}

/** The default limits; docs/datasets.md has these figures. */
export const archiveLimits = {
  /** Entries of any kind. */
  entries: 200_000,
  /** Bytes of all its files, unpacked: 16 GiB. */
  bytes: 16 * 2 ** 30,
  /** Bytes unpacked to bytes of the archive, beyond `smallBytes`: images are compressed already. */
  ratio: 100,
  smallBytes: 16 * 2 ** 20,
} as const;

export type ArchiveLimits = Readonly<Record<keyof typeof archiveLimits, number>>;

/** Why an archive of `packed` bytes may not become `unpacked` bytes; undefined if it may. */
export function sizeRefusal(unpacked: number, packed: number, limits: ArchiveLimits): string | undefined {
  if (unpacked > limits.bytes)
    return `unpacked it has more than ${Math.round(limits.bytes / 2 ** 30)} GiB, unpack it yourself and give the folder`;
  if (unpacked > limits.smallBytes && unpacked > limits.ratio * packed)
    return `unpacked it has more than ${limits.ratio} times its size, which images never have`;
  return undefined;
}

// Unpacks an untrusted zip. Reads its directory first and refuses the archive if entries overlap or exceed the limits; then unpacks
// the entries one by one and notes damaged ones.

export async function unpackZip(
  path: string,
  writer: ArchiveWriter,
  { limits, onProgress, signal }: BoundedOptions,
): Promise<void> {
  const zip = await yauzl.openPromise(path, { autoClose: false, decodeStrings: false }).catch((error: unknown) => {
    throw writer.refusal(`it is not a readable zip file (${messageOf(error)})`, error);
  });
  try {
    const entries = await directoryOf(zip, (await stat(path)).size, writer, limits);
    const meter = createMeter({ stage: "Unpacking", unit: "files", total: entries.length, onProgress });
    for (const entry of entries) {
      signal?.throwIfAborted();
      await unpackEntry(zip, entry, writer);
      meter.add();
    }
  } finally {
    zip.close();
  }
}

/** All entries. Throws if they exceed the limits or overlap. */
async function directoryOf(
  zip: yauzl.ZipFile,
  length: number,
  writer: ArchiveWriter,
  limits: ArchiveLimits,
): Promise<yauzl.Entry[]> {
  const entries: yauzl.Entry[] = [];
  let bytes = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      entries.push(entry);
      bytes += entry.uncompressedSize;
      if (entries.length > limits.entries) throw writer.refusal(`it holds more than ${limits.entries} files`);
      if (entry.isEncrypted()) throw writer.refusal("it is encrypted, unpack it first");
    }
  } catch (error) {
    throw isDataError(error) ? error : writer.refusal(`its directory is damaged (${messageOf(error)})`, error);
  }
  checkOverlaps(entries, length, writer);
  const refusal = sizeRefusal(bytes, length, limits);
  if (refusal !== undefined) throw writer.refusal(refusal);
  return entries;
}

/** Entries that share bytes let a small archive unpack to any size. A local header has at least 30 bytes and the name. */
function checkOverlaps(entries: readonly yauzl.Entry[], length: number, writer: ArchiveWriter): void {
  const spans = entries
    .map((entry) => {
      const start = entry.relativeOffsetOfLocalHeader;
      return { start, end: start + 30 + entry.fileNameRaw.length + entry.compressedSize };
    })
    .sort((a, b) => a.start - b.start);
  for (const [at, { end }] of spans.entries()) {
    const next = spans[at + 1]?.start ?? length;
    if (end > next) throw writer.refusal(at + 1 < spans.length ? "its entries overlap" : "it is cut off");
  }
}

async function unpackEntry(zip: yauzl.ZipFile, entry: yauzl.Entry, writer: ArchiveWriter): Promise<void> {
  const name = nameOf(entry);
  const of = /[/\\]$/.test(name) ? "folder" : "file";
  const path = writer.admit(name, of);
  if (path === undefined) return;
  if (of === "folder") return writer.makeFolder(path);
  const type = fileType(entry);
  if (type !== undefined) return writer.note(path, type, "special");
  if (await writer.passOver(path)) return;
  if (!entry.canDecodeFileData())
    return writer.note(path, `compressed with an unsupported method (${entry.compressionMethod})`);
  let stream: Awaited<ReturnType<typeof zip.openReadStreamPromise>>;
  try {
    stream = await zip.openReadStreamPromise(entry);
    // An error may occur before the stream is read; yauzl then leaves it open, and its reader would wait forever.
    stream.on("error", (error) => stream.destroy(error));
  } catch (error) {
    return writer.note(path, `damaged: ${messageOf(error)}`);
  }
  await writer.write(path, stream, entry.crc32);
}

const UTF8 = 0x0800;

/** UTF-8 if the entry says so or its bytes are valid UTF-8 (macOS sets no flag); else the code page of MS-DOS. */
function nameOf({ generalPurposeBitFlag: flags, fileNameRaw: raw, extraFields }: yauzl.Entry): string {
  let encoding = flags | UTF8;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(raw);
  } catch {
    encoding = flags & ~UTF8;
  }
  return yauzl.getFileNameLowLevel(encoding, raw, extraFields, true);
}

/** Unix keeps the mode in the upper half: S_IFMT, S_IFLNK, S_IFREG. */
function fileType({ externalFileAttributes, versionMadeBy }: yauzl.Entry): string | undefined {
  const host = versionMadeBy >>> 8;
  const type = (externalFileAttributes >>> 16) & 0o170000;
  if ((host !== 3 && host !== 19) || type === 0 || type === 0o100000) return undefined;
  return type === 0o120000 ? "a link" : "neither a file nor a folder";
}

// Unpacks an untrusted tar, plain or gzipped. Its size is known only at its end, so all limits are checked on the way.

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
  ["SparseFile", "a sparse file, which is not supported"],
  ["Unsupported", "of an unsupported kind"],
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
