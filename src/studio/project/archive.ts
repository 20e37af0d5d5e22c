/**
 * Pictures out of a zip file that nobody vouches for. Its directory is read first, and the whole archive refused where it
 * promises more than may be; then one picture after the other is unpacked through `receive`, never by its own path.
 */
import type { Readable } from "node:stream";
import yauzl from "yauzl";
import { dataError, isDataError, messageOf } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { createMeter } from "../../base/progress.ts";
import type { Imported, Received } from "../api.ts";
import { MAX_PICTURE_BYTES } from "./receive.ts";

/** What an archive may hold at most. */
export const limits = {
  /** Bytes of the archive itself: 8 GiB. */
  archiveBytes: 8 * 2 ** 30,
  files: 200_000,
  /** Bytes of all its files, unpacked: 16 GiB. */
  bytes: 16 * 2 ** 30,
  /** Unpacked to packed, of an archive beyond `smallBytes`: pictures are compressed already. */
  ratio: 100,
  smallBytes: 16 * 2 ** 20,
} as const;

/** A file of the archive. */
interface Entry {
  readonly path: string;
  readonly bytes: number;
  open(): Promise<Readable>;
}

export interface Unpacking {
  /** The class of pictures that lie in no folder of the archive; without it they are skipped. */
  readonly className: string | undefined;
  readonly receive: (
    source: Readable,
    file: { readonly className: string; readonly name: string },
  ) => Promise<Received>;
  readonly onProgress?: OnProgress;
  readonly limits?: typeof limits | Readonly<Record<keyof typeof limits, number>>;
}

/**
 * Takes in every picture of a zip file; the folder that holds it names its class.
 *
 * @throws GraftError (`data`) where the archive is damaged, unsafe or too large; nothing was taken in then
 */
export async function unpack(
  path: string,
  options: Unpacking,
): Promise<Imported & { readonly ids: readonly string[] }> {
  const zip = await opened(path);
  try {
    const entries = (await directory(zip, options.limits ?? limits)).filter(({ path }) => !isLitter(path));
    const meter = createMeter({
      stage: "Unpacking",
      unit: "files",
      total: entries.length,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    });
    const skipped: { path: string; reason: string }[] = [];
    const ids: string[] = [];
    let known = 0;
    for (const entry of entries) {
      const parts = entry.path.split("/");
      const className = parts.at(-2) ?? options.className;
      try {
        if (className === undefined) throw dataError("It lies in no folder, which would name its class.");
        if (entry.bytes > MAX_PICTURE_BYTES)
          throw dataError(`It has more than ${MAX_PICTURE_BYTES / 2 ** 20} MiB: make it smaller first.`);
        const received = await options.receive(await entry.open(), { className, name: parts.at(-1)! });
        if (received.kind === "added") ids.push(received.id);
        else known++;
      } catch (error) {
        if (!isDataError(error) && !isBroken(error)) throw error;
        skipped.push({ path: entry.path, reason: messageOf(error) });
      }
      meter.add();
    }
    return { added: ids.length, known, skipped, ids };
  } finally {
    zip.close();
  }
}

/** What file managers leave in archives. */
const isLitter = (path: string): boolean =>
  path.split("/").some((part) => part === "__MACOSX" || part.startsWith(".") || part === "Thumbs.db");

/** A fault of the archive's bytes, as zlib and yauzl tell it. */
const isBroken = (error: unknown): boolean =>
  error instanceof Error && (/^Z_/.test(String((error as { code?: unknown }).code)) || !("code" in error));

function opened(path: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    // Names are checked below, with words of our own; sizes are checked while bytes are unpacked.
    yauzl.open(
      path,
      { lazyEntries: true, autoClose: false, decodeStrings: true, strictFileNames: true },
      (error, zip) => {
        if (error) reject(dataError(`This is no zip file that can be read: ${error.message}.`, error));
        else resolve(zip);
      },
    );
  });
}

/** Every file's entry, once all have been found harmless. */
function directory(zip: yauzl.ZipFile, limits: Readonly<Record<string, number>>): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    let [bytes, packed] = [0, 0];
    const refuse = (reason: string): void => reject(dataError(`The archive was refused: ${reason}.`));
    zip.on("error", (error) => refuse(`its directory is damaged or unsafe (${messageOf(error)})`));
    zip.on("end", () => resolve(entries));
    zip.on("entry", (entry: yauzl.Entry) => {
      bytes += entry.uncompressedSize;
      packed += entry.compressedSize;
      if (entries.length >= limits.files!) return refuse(`it holds more than ${limits.files} files`);
      if (bytes > limits.bytes!)
        return refuse(`unpacked it would be more than ${Math.round(limits.bytes! / 2 ** 30)} GiB`);
      if (bytes > limits.smallBytes! && bytes > limits.ratio! * packed)
        return refuse(`unpacked it would be more than ${limits.ratio} times its size, which pictures never are`);
      if (entry.fileName.split("/").includes("..")) return refuse("a path in it leads out of it");
      if ((entry.generalPurposeBitFlag & 1) !== 0) return refuse("it is encrypted, unpack it first");
      if (!entry.fileName.endsWith("/")) {
        entries.push({
          path: entry.fileName,
          bytes: entry.uncompressedSize,
          open: () =>
            new Promise((done, fail) => {
              zip.openReadStream(entry, (error, stream) => {
                if (error) return fail(error);
                // Met by whoever reads; until someone does, it must not count as unhandled.
                stream.on("error", () => {});
                done(stream);
              });
            }),
        });
      }
      zip.readEntry();
    });
    zip.readEntry();
  });
}
