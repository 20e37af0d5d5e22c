/**
 * The hashes by which a hub names a file's bytes, and whether bytes on disk have them.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { isSha256 } from "./address.ts";

/** What is known of bytes before they are here. */
export interface Digest {
  /** `sha1` is git's name for a blob, or, from a mirror that does not know git, the plain SHA-1 of the bytes. */
  readonly kind: "sha256" | "sha1";
  /** Hexadecimal. */
  readonly hex: string;
}

/** The digest in an ETag: large files have their SHA-256 as one, small files git's blob hash. Others tell nothing. */
export function digestOf(etag: string | null | undefined): Digest | undefined {
  const hex = etag?.trim().replace(/^W\//, "").replace(/^"|"$/g, "") ?? "";
  if (isSha256(hex)) return { kind: "sha256", hex };
  return /^[0-9a-f]{40}$/.test(hex) ? { kind: "sha1", hex } : undefined;
}

/**
 * Reads a file once and yields its SHA-256, and whether it has the digest.
 *
 * @param digest `undefined`: nothing is known of it, so that it agrees
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
