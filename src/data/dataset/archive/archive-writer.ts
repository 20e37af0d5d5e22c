/**
 * Writes files from an untrusted archive to a folder. Checks names, writes nothing twice or outside of the folder, and stores the bytes
 * of images and lists only: other files become empty files, because layouts need only their names.
 */
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { codeOf, dataError, GraftError, messageOf } from "../../../base/errors.ts";
import { isMachineFault, writeFailure } from "../../../base/system-errors.ts";
import { named } from "../../../base/text.ts";
import { sniffFormat } from "../../image/sniff.ts";
import { fileKindOf, litterOf } from "../dataset-names.ts";
import type { IgnoredKind } from "../file-tree.ts";

/** A file that was written. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  readonly crc32: number;
}

/** An entry that was not, and why. */
export interface ArchiveFault {
  readonly path: string;
  readonly kind: IgnoredKind;
  readonly reason: string;
}

export interface ArchiveWriter {
  readonly files: readonly WrittenFile[];
  readonly faults: readonly ArchiveFault[];
  /** The error of an archive that is refused as a whole. */
  refusal(reason: string, cause?: unknown): GraftError;
  note(path: string, reason: string, kind?: IgnoredKind): void;
  /** The safe path of an entry, once per path; undefined, with a note, if it cannot be written. Throws if it leads out of the folder. */
  admit(name: string, of: "file" | "folder"): string | undefined;
  /** Makes an admitted folder, so that a class without files is seen. */
  makeFolder(path: string): Promise<void>;
  /** Whether to skip the bytes of an admitted file; then only its name is kept. */
  passOver(path: string): Promise<boolean>;
  /** Writes an admitted file; notes and removes it if its bytes are damaged. */
  write(path: string, chunks: AsyncIterable<Uint8Array>, expected?: number): Promise<void>;
}

/** @param called the archive, at the beginning of a sentence */
export function createArchiveWriter(folder: string, called: string): ArchiveWriter {
  const files: WrittenFile[] = [];
  const faults: ArchiveFault[] = [];
  const seen = new Set<string>();
  const made = new Set<string>();
  const refusal = (reason: string, cause?: unknown): GraftError =>
    dataError(`${called} was refused: ${reason}.`, cause);
  const note: ArchiveWriter["note"] = (path, reason, kind = "damaged") => {
    faults.push({ path, kind, reason });
  };
  /** Makes a folder; false if its name cannot be stored. */
  const makeIn = async (path: string): Promise<boolean> => {
    if (made.has(path)) return true;
    const isMade = await nameless(join(folder, path), mkdir(join(folder, path), { recursive: true }));
    if (isMade !== NAMELESS) made.add(path);
    return isMade !== NAMELESS;
  };
  /** Writes chunks to a new file; undefined, with a note, if its name cannot be stored. */
  async function put(
    path: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<WrittenFile | undefined> {
    const target = join(folder, path);
    const file = (await makeIn(dirname(path))) ? await nameless(target, open(target, "wx")) : NAMELESS;
    if (file === NAMELESS) {
      note(path, "this system cannot store its name, or has another of the same name");
      return undefined;
    }
    let [check, bytes] = [0, 0];
    try {
      for await (const chunk of chunks) {
        check = crc32(chunk, check);
        bytes += chunk.length;
        await file.writeFile(chunk).catch((error: unknown) => {
          throw writeFailure(target, error);
        });
      }
    } finally {
      await file.close();
    }
    return { path, bytes, crc32: check };
  }
  const keep = (file: WrittenFile | undefined): void => {
    if (file) files.push(file);
  };
  return {
    files,
    faults,
    refusal,
    note,
    admit(name, of) {
      const path = name.replaceAll("\\", "/");
      if (/^(\/|[a-z]:)/i.test(path)) throw refusal(`it holds the absolute path ${named(name)}`);
      const parts = path.split("/").filter((part) => part !== "" && part !== ".");
      if (parts.includes("..")) throw refusal(`the path ${named(name)} leads out of it`);
      const safe = parts.join("/");
      const fault = parts.map(nameFault).find((one) => one !== undefined);
      if (fault !== undefined) note(safe, fault);
      else if (of === "folder") return safe || undefined;
      else if (seen.has(safe)) note(safe, "another entry of the archive has the same name: the first is used");
      else if (safe !== "") {
        seen.add(safe);
        return safe;
      }
      return undefined;
    },
    makeFolder: async (path) => {
      const parts = path.split("/");
      const litter = parts.findIndex((part) => litterOf(part, "folder"));
      const place = litter < 0 ? path : parts.slice(0, litter + 1).join("/");
      if (!(await makeIn(place))) note(place, "this system cannot store its name");
    },
    async passOver(path) {
      const parts = path.split("/");
      const litter = parts.slice(0, -1).findIndex((part) => litterOf(part, "folder"));
      if (litter >= 0) await makeIn(parts.slice(0, litter + 1).join("/"));
      else if (litterOf(parts.at(-1)!, "file")) keep(await put(path, []));
      else return false;
      return true;
    },
    async write(path, chunks, expected) {
      try {
        const file = await put(path, await worthKeeping(path, chunks));
        // Of a file that keeps only its name, no bytes were read.
        if (!file || expected === undefined || file.crc32 === expected || file.bytes === 0) return keep(file);
        note(path, "damaged: its checksum is wrong");
      } catch (error) {
        if (error instanceof GraftError || isMachineFault(error)) throw error;
        note(path, `damaged: ${messageOf(error)}`);
      }
      await rm(join(folder, path), { force: true });
    },
  };
}

/** The chunks of an image or a list; none of another file, unless its first bytes are those of an image. */
async function worthKeeping(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>> {
  const kind = fileKindOf(path);
  if (kind === "image" || kind === "list") return chunks;
  const pieces = chunks[Symbol.asyncIterator]();
  const first = await pieces.next();
  if (first.done || sniffFormat(first.value) === undefined) {
    await pieces.return?.();
    return [];
  }
  return (async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => pieces };
  })();
}

/** The error codes for names that are too long, forbidden, or taken in another spelling. */
const nameFaults = new Set(["ENAMETOOLONG", "EINVAL", "EEXIST", "EISDIR", "ENOTDIR", "EILSEQ", "ENOENT"]);
const NAMELESS = Symbol("a name that cannot be stored");

/** The result of making a file or folder, or {@link NAMELESS}. Throws other errors of the disk. */
const nameless = <T>(target: string, making: Promise<T>): Promise<T | typeof NAMELESS> =>
  making.catch((error: unknown) => {
    if (nameFaults.has(codeOf(error) ?? "")) return NAMELESS;
    throw writeFailure(target, error);
  });

/** What Windows forbids in names, or reads as a device. */
const windowsFault = /[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

function nameFault(part: string): string | undefined {
  if (/\p{Cc}/u.test(part)) return "its name has a control character";
  if (Buffer.byteLength(part) > 255) return "its name is too long";
  if (process.platform === "win32" && windowsFault.test(part)) return "Windows cannot store its name";
  return undefined;
}
