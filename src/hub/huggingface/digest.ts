/**
 * The hashes by which a hub identifies a file's content, and whether a file on disk has them.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { isSha256 } from "./address.ts";

/** The expected hash of a file. */
export interface Digest {
  /** `sha1` is git's blob hash, or, from a mirror without git, the plain SHA-1 of the bytes. */
  readonly kind: "sha256" | "sha1";
  /** Hexadecimal. */
  readonly hex: string;
}

/** The digest in an ETag: the SHA-256 of a large file, git's blob hash of a small one; undefined for any other ETag. */
export function digestOf(etag: string | null | undefined): Digest | undefined {
  const hex = etag?.trim().replace(/^W\//, "").replace(/^"|"$/g, "") ?? "";
  if (isSha256(hex)) return { kind: "sha256", hex };
  return /^[0-9a-f]{40}$/.test(hex) ? { kind: "sha1", hex } : undefined;
}

/**
 * Reads a file once; returns its SHA-256, its size in bytes, and whether it has the digest.
 *
 * @param digest undefined if the expected hash is not known; then `agrees` is true
 */
export async function examine(
  path: string,
  digest: Digest | undefined,
): Promise<{ readonly sha256: string; readonly size: number; readonly agrees: boolean }> {
  const { size } = await stat(path);
  const sha256 = createHash("sha256");
  // https://git-scm.com/book/en/v2/Git-Internals-Git-Objects: "blob", the length, a zero byte, the content.
  const sha1: readonly Hash[] =
    digest?.kind === "sha1" ? [createHash("sha1").update(`blob ${size}\0`), createHash("sha1")] : [];
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    for (const hash of [sha256, ...sha1]) hash.update(chunk);
  }
  const hex = sha256.digest("hex");
  const found = digest?.kind === "sha1" ? sha1.map((hash) => hash.digest("hex")) : [hex];
  return { sha256: hex, size, agrees: digest === undefined || found.includes(digest.hex) };
}
