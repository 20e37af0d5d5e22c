/**
 * Downloads a file from a hub to a `.part` file, resuming where an earlier attempt stopped; reads its metadata beforehand and computes its
 * hashes afterwards. The caller checks the content before trusting it.
 */

import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { GraftError } from "../../base/errors.ts";
import { writeFailure } from "../../base/files.ts";
import type { Meter } from "../../base/progress.ts";
import { isCommit, isSha256, resolveUrl } from "./hub-address.ts";
import {
  type Attempt,
  cutFault,
  fileMetadataFailure,
  PassingFault,
  redirectFailure,
  sizeFailure,
  statusFault,
} from "./hub-failures.ts";
import { type Hop, hops, type RetryPolicy, withRetries } from "./hub-request.ts";

export interface DownloadOptions {
  /** Where the bytes go; existing content counts as the start of the file. */
  readonly part: string;
  /** The size in bytes, if known. */
  readonly size: number | undefined;
  readonly maxBytes: number;
  readonly retryPolicy: RetryPolicy;
  readonly onWait: (milliseconds: number, reason: string) => void;
  /** Creates the meter, given how many bytes are there already. */
  readonly meter: (bytesBefore: number) => Meter;
}

/** Completes `part` and flushes it to the disk. After a failure, the bytes that arrived stay there. */
export async function download(attempt: Attempt, options: DownloadOptions): Promise<void> {
  const { part, size, retryPolicy, onWait } = options;
  const file = await onDisk(part, () => open(part, "a+"));
  try {
    let length = await onDisk(part, async () => (await file.stat()).size);
    if (size !== undefined && length > size) {
      await onDisk(part, () => file.truncate(0));
      length = 0;
    }
    const meter = options.meter(length);
    let most = length;
    /** The validator of the existing bytes, from the response that started the file. */
    let etag: string | undefined;
    if (size === undefined || length < size)
      await withRetries(retryPolicy, onWait, async (progressed) => {
        const hop = await responseWith(attempt, length, etag, retryPolicy.silenceMs);
        if (hop.response.status === 200 && length > 0) {
          // The server does not support ranges: it sends everything again.
          await onDisk(part, () => file.truncate(0));
          length = 0;
          meter.set(0);
        }
        etag = strongEtag(hop.response);
        try {
          for await (const chunk of hop.chunks()) {
            if (length + chunk.length > (size ?? options.maxBytes)) throw tooMuch(attempt, size, options.maxBytes);
            await onDisk(part, () => file.appendFile(chunk));
            length += chunk.length;
            meter.set(length);
            if (length > most) progressed();
            most = Math.max(most, length);
          }
        } catch (error) {
          throw error instanceof PassingFault ? cutFault(attempt, hop.url, length, size) : error;
        }
        if (size !== undefined && length < size) throw cutFault(attempt, hop.url, length, size);
      });
    await onDisk(part, () => file.sync());
  } finally {
    await file.close();
  }
}

const tooMuch = (attempt: Attempt, size: number | undefined, limit: number): GraftError =>
  size === undefined
    ? sizeFailure(attempt, limit + 1, limit)
    : fileMetadataFailure(attempt, `sends more than the ${size} bytes that it stated`);

/** The response with the bytes from `from` on, or with all of them. */
async function responseWith(attempt: Attempt, from: number, etag: string | undefined, silenceMs: number): Promise<Hop> {
  const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
  if (from > 0 && etag !== undefined) headers["if-range"] = etag;
  let last: Hop | undefined;
  for await (const hop of hops(resolveUrl(attempt.hub, attempt.of), attempt, { method: "GET", headers, silenceMs })) {
    last = hop;
  }
  if (!last) throw new Error("A request has at least one response.");
  const { status, headers: answered } = last.response;
  if (status === 200) return last;
  if (status === 206 && new RegExp(`^bytes ${from}-\\d+/`).test(answered.get("content-range") ?? "")) return last;
  await last.response.body?.cancel().catch(() => {});
  if (status === 416) throw fileMetadataFailure(attempt, "has fewer bytes than it stated");
  if (status === 206) throw fileMetadataFailure(attempt, "sends a part other than the requested one");
  if (status >= 400) throw statusFault(last.response, last.url, attempt);
  throw redirectFailure(last.url, "without an address", attempt);
}

/** Only a strong validator guarantees that bytes are the same (RFC 9110, 13.1.5). */
function strongEtag({ headers }: Response): string | undefined {
  const etag = headers.get("etag");
  return etag?.startsWith('"') ? etag : undefined;
}

/** Runs work on the disk; turns its errors into sentences. */
async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof GraftError || error instanceof PassingFault ? error : writeFailure(path, error);
  }
}

// Hashes by which a hub identifies a file's content.

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

// File metadata, requested without transferring the file.

/** What a hub says about a file before sending it. */
export interface FileMetadata {
  /** The commit of the revision at this moment. */
  readonly commit: string;
  /** Bytes; undefined if the hub does not say. */
  readonly size: number | undefined;
  /** Undefined if the hub does not say. */
  readonly digest: Digest | undefined;
}

export interface AskOptions {
  /** How long the hub may send nothing, in milliseconds. */
  readonly silenceMs: number;
  /** The largest file, in bytes. */
  readonly maxBytes: number;
}

/**
 * Asks a hub for a file's commit, size and hash.
 *
 * There may be several responses (a renamed repository, a mirror that redirects to the hub, the hub's storage). The first response
 * with a value counts, and no more are requested once all values are known.
 *
 * @throws GraftError (`work`, code `fetch-failed`) or PassingFault as {@link hops}
 */
export async function fileMetadataOf(attempt: Attempt, { silenceMs, maxBytes }: AskOptions): Promise<FileMetadata> {
  const { hub, of } = attempt;
  const home = new URL(hub.endpoint).origin;
  let commit: string | undefined;
  let size: number | undefined;
  let digest: Digest | undefined;
  for await (const { url, response } of hops(resolveUrl(hub, of), attempt, { method: "HEAD", silenceMs })) {
    const { status, headers } = response;
    if (status >= 400) throw statusFault(response, url, attempt);
    const last = status < 300;
    const named = headers.get("x-repo-commit") ?? undefined;
    commit ??= named;
    size ??= sizeIn(headers.get("x-linked-size"), attempt);
    digest ??= digestOf(headers.get("x-linked-etag"));
    // Storage has ETags of its own, which Graft cannot check.
    if (last && (named !== undefined || url.origin === home)) digest ??= digestOf(headers.get("etag"));
    if (last && !headers.has("content-encoding")) size ??= sizeIn(headers.get("content-length"), attempt);
    if (last || (commit !== undefined && size !== undefined && digest !== undefined)) {
      if (size !== undefined && size > maxBytes) throw sizeFailure(attempt, size, maxBytes);
      return { commit: commitIn(commit, attempt), size, digest };
    }
  }
  throw fileMetadataFailure(attempt, "redirects without an address");
}

/** The commit that the hub names, which must be the requested one if the revision is a commit. */
function commitIn(named: string | undefined, attempt: Attempt): string {
  const { revision } = attempt.of;
  if (isCommit(revision)) {
    if (named === undefined || named === revision) return revision;
    throw fileMetadataFailure(attempt, `answers with a commit other than ${revision}`);
  }
  if (named !== undefined && isCommit(named)) return named;
  throw fileMetadataFailure(attempt, `does not say which commit ${revision} is (no X-Repo-Commit)`);
}

function sizeIn(text: string | null, attempt: Attempt): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw fileMetadataFailure(attempt, "sends a size that is not a number of bytes");
}
