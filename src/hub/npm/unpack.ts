/**
 * A package's tarball, taken apart as it arrives: the wanted regular files go to disk, everything is counted, bounded
 * and hashed. Nothing in it is run, linked, or written outside the folder. Knows nothing of registries or caches.
 */
import { createHash } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { workError } from "../../base/errors.ts";
import { type ReadEntry, readTar } from "../../base/tar.ts";

/** What a tarball may hold at most; the bounds hold for the files that are not wanted, too. */
export interface UnpackLimits {
  readonly entries: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes of all files. */
  readonly totalBytes: number;
}

export const defaultLimits: UnpackLimits = { entries: 20_000, fileBytes: 2 ** 29, totalBytes: 2 ** 30 };

export interface UnpackOptions {
  /** Which files to write, by path within the package (its first folder, `package/`, left off). */
  readonly wanted: (path: string) => boolean;
  readonly limits?: UnpackLimits | undefined;
  /** Told of each chunk's length as it arrives. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** What was in a tarball. */
export interface Contents {
  /** Every regular file's path and bytes. */
  readonly files: ReadonlyMap<string, number>;
  /** SHA-256, in hexadecimal, of each file written, by its path, in the tarball's order. */
  readonly written: ReadonlyMap<string, string>;
  /** `sha512-…` of the tarball as it came. */
  readonly integrity: string;
}

/**
 * Unpacks a gzipped tarball into a folder that exists and is empty. The caller compares `integrity` before it trusts a file.
 *
 * @throws GraftError (`work`) for an entry that no npm package has; the errors of the stream, of `tar` and of the disk as they are
 */
export async function unpack(
  tarball: AsyncIterable<Uint8Array>,
  folder: string,
  options: UnpackOptions,
): Promise<Contents> {
  const { wanted, limits = defaultLimits, onBytes } = options;
  const hash = createHash("sha512");
  const files = new Map<string, number>();
  const written = new Map<string, string>();
  const budget = { ...limits };
  await readTar(tarball, {
    accept(entry) {
      const path = checkedPath(entry, budget, limits);
      if (path === undefined) return false;
      if (files.has(path)) throw workError(`The package holds ${path} twice.`);
      files.set(path, entry.size);
      return wanted(path);
    },
    take(entry) {
      const path = innerPath(entry);
      // Keeps the tarball's order: several files are written at once.
      written.set(path, "");
      return writeEntry(entry, join(folder, path)).then((sha256) => void written.set(path, sha256));
    },
    onChunk(chunk) {
      hash.update(chunk);
      onBytes?.(chunk.length);
    },
  });
  return { files, written, integrity: `sha512-${hash.digest("base64")}` };
}

/** The path within the package of a regular file, `undefined` for a folder. Counts the entry against the budget. */
function checkedPath(
  entry: ReadEntry,
  budget: { -readonly [K in keyof UnpackLimits]: number },
  limits: UnpackLimits,
): string | undefined {
  const { path, type, size } = entry;
  budget.entries -= 1;
  budget.totalBytes -= size;
  if (budget.entries < 0) throw workError(`The package holds more than ${limits.entries} entries.`);
  if (size > limits.fileBytes)
    throw workError(`The package's ${path} has ${size} bytes, more than the ${limits.fileBytes} allowed.`);
  if (budget.totalBytes < 0)
    throw workError(`The package's files have more than the ${limits.totalBytes} bytes allowed.`);
  const steps = path.replace(/\/$/, "").split("/");
  if (
    path.startsWith("/") ||
    steps.some((step) => step === "" || step === "." || step === "..") ||
    /[\\:\0]/.test(path)
  ) {
    throw workError(
      `The package holds an entry with the path ${JSON.stringify(path)}, which could lead out of its folder.`,
    );
  }
  if (type === "Directory") return undefined;
  if (type !== "File" && type !== "OldFile") throw workError(`The package's ${path} is no regular file but a ${type}.`);
  return innerPath(entry);
}

/** An entry's path without the first folder, which npm ignores as well. */
const innerPath = ({ path }: ReadEntry): string => path.slice(path.indexOf("/") + 1);

/** Writes an entry to a new file; what comes out is the SHA-256 of its bytes. */
async function writeEntry(entry: ReadEntry, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "wx");
  const hash = createHash("sha256");
  try {
    for await (const chunk of entry) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}
