/** Recognises archives by their first bytes, whatever their name. */
import { dataError } from "../../../base/errors.ts";
import { readStart } from "../../../base/files.ts";
import type { OnProgress } from "../../../base/progress.ts";
import { readFailure } from "../../../base/system-errors.ts";

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
      `${called} is packed as ${other.name}, which is not read: unpack it, or pack it as .zip or .tar.gz.`,
    );
  return undefined;
}

// What an archive may hold at most; docs/datasets.md has these figures. Larger ones are unpacked by hand.

export interface UnpackOptions {
  readonly limits?: ArchiveLimits | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The same with the limits that hold. */
export interface BoundedOptions extends UnpackOptions {
  readonly limits: ArchiveLimits;
}
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

/** Why an archive of `packed` bytes may not become `unpacked` bytes; nothing where it may. */
export function sizeRefusal(unpacked: number, packed: number, limits: ArchiveLimits): string | undefined {
  if (unpacked > limits.bytes)
    return `unpacked it has more than ${Math.round(limits.bytes / 2 ** 30)} GiB, unpack it yourself and give the folder`;
  if (unpacked > limits.smallBytes && unpacked > limits.ratio * packed)
    return `unpacked it has more than ${limits.ratio} times its size, which images never have`;
  return undefined;
}
