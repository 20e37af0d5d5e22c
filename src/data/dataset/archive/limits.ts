/** What an archive may hold at most; docs/datasets.md has these figures. Larger ones are unpacked by hand. */
import type { OnProgress } from "../../../base/progress.ts";

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
