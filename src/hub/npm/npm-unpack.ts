/**
 * Unpacks a package's tarball as it arrives: writes the wanted regular files, and counts, limits and hashes everything. Never runs
 * or links anything, and never writes outside the folder. Fetches nothing.
 */
import { createHash } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { workError } from "../../base/errors.ts";
import { type ReadEntry, readTar } from "../../base/tar.ts";

/** Upper limits for a tarball, including the files that are not wanted. */
export interface UnpackLimits {
  readonly entries: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes of all files. */
  readonly totalBytes: number;
}

export const defaultLimits: UnpackLimits = { entries: 20_000, fileBytes: 2 ** 29, totalBytes: 2 ** 30 };

export interface UnpackOptions {
  /** Which files to write, by path within the package (without its first folder, `package/`). */
  readonly wanted: (path: string) => boolean;
  readonly limits?: UnpackLimits | undefined;
  /** Called with the length of each chunk as it arrives. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** The contents of a tarball. */
export interface Contents {
  /** The size in bytes of every regular file, by path. */
  readonly files: ReadonlyMap<string, number>;
  /** The SHA-256, in hexadecimal, of each written file, by path, in the order of the tarball. */
  readonly written: ReadonlyMap<string, string>;
  /** `sha512-…` of the tarball. */
  readonly integrity: string;
}

/**
 * Unpacks a gzipped tarball into an existing empty folder. The caller must compare `integrity` before trusting a file.
 *
 * @throws GraftError (`work`) for an entry that an npm package cannot have; the errors of the stream, of `tar` and of the disk
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
      if (files.has(path)) throw workError(`The package contains ${path} twice.`);
      files.set(path, entry.size);
      return wanted(path);
    },
    take(entry) {
      const path = innerPath(entry);
      // Keeps the order of the tarball: several files are written at the same time.
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

/** The path of a regular file within the package; undefined for a folder. Counts the entry against the limits. */
function checkedPath(
  entry: ReadEntry,
  budget: { -readonly [K in keyof UnpackLimits]: number },
  limits: UnpackLimits,
): string | undefined {
  const { path, type, size } = entry;
  budget.entries -= 1;
  budget.totalBytes -= size;
  if (budget.entries < 0) throw workError(`The package contains more than ${limits.entries} entries.`);
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
      `The package contains an entry with the path ${JSON.stringify(path)}, which could lead out of its folder.`,
    );
  }
  if (type === "Directory") return undefined;
  if (type !== "File" && type !== "OldFile")
    throw workError(`The package's ${path} is not a regular file but a ${type}.`);
  return innerPath(entry);
}

/** The path of an entry without its first folder, which npm ignores as well. */
const innerPath = ({ path }: ReadEntry): string => path.slice(path.indexOf("/") + 1);

/** Writes an entry to a new file and returns the SHA-256 of its bytes. */
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
