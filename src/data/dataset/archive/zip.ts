/**
 * Unpacks an untrusted zip. Reads its directory first and refuses the archive if entries overlap or exceed the limits; then unpacks
 * the entries one by one and notes damaged ones.
 */
import { stat } from "node:fs/promises";
import yauzl from "yauzl";
import { isDataError, messageOf } from "../../../base/errors.ts";
import { createMeter } from "../../../base/progress.ts";
import type { BoundedOptions } from "./limits.ts";
import { type ArchiveLimits, sizeRefusal } from "./limits.ts";
import type { ArchiveWriter } from "./writer.ts";

export async function unpackZip(
  path: string,
  writer: ArchiveWriter,
  { limits, onProgress, signal }: BoundedOptions,
): Promise<void> {
  const zip = await yauzl.openPromise(path, { autoClose: false, decodeStrings: false }).catch((error: unknown) => {
    throw writer.refusal(`it is no zip file that can be read (${messageOf(error)})`, error);
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
    return writer.note(path, `compressed by a method that is not read (${entry.compressionMethod})`);
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
