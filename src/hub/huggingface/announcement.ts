/**
 * What a hub tells of a file before it sends it: commit, size, hash. The answers' headers are the hub's own; nothing
 * of the file is transferred.
 */
import { isCommit, resolveUrl } from "./address.ts";
import { type Digest, digestOf } from "./digest.ts";
import { type Attempt, announcementFailure, sizeFailure, statusFault } from "./failures.ts";
import { hops } from "./request.ts";

/** What a hub says of a file. */
export interface Announcement {
  /** The commit that the revision stands for now. */
  readonly commit: string;
  /** Bytes; `undefined` where the hub does not say. */
  readonly size: number | undefined;
  /** `undefined` where the hub does not say. */
  readonly digest: Digest | undefined;
}

export interface AskOptions {
  /** How long the hub may be silent, in milliseconds. */
  readonly silence: number;
  /** The most bytes that a file may have. */
  readonly maxBytes: number;
}

/**
 * Asks a hub for a file's commit, size and hash.
 *
 * Of several answers (a renamed repository, a mirror that sends on to the hub, the hub's storage) the first that
 * tells a thing counts, and no more are asked for once all is told.
 */
export async function announcementOf(attempt: Attempt, { silence, maxBytes }: AskOptions): Promise<Announcement> {
  const { hub, of } = attempt;
  const home = new URL(hub.endpoint).origin;
  let commit: string | undefined;
  let size: number | undefined;
  let digest: Digest | undefined;
  for await (const { url, response } of hops(resolveUrl(hub, of), attempt, { method: "HEAD", silence })) {
    const { status, headers } = response;
    if (status >= 400) throw statusFault(response, url, attempt);
    const last = status < 300;
    const named = headers.get("x-repo-commit") ?? undefined;
    commit ??= named;
    size ??= sizeIn(headers.get("x-linked-size"), attempt);
    digest ??= digestOf(headers.get("x-linked-etag"));
    // Storage has ETags of its own, which name nothing that Graft could check.
    if (last && (named !== undefined || url.origin === home)) digest ??= digestOf(headers.get("etag"));
    if (last && !headers.has("content-encoding")) size ??= sizeIn(headers.get("content-length"), attempt);
    if (last || (commit !== undefined && size !== undefined && digest !== undefined)) {
      if (size !== undefined && size > maxBytes) throw sizeFailure(attempt, size, maxBytes);
      return { commit: commitOf(commit, attempt), size, digest };
    }
  }
  throw announcementFailure(attempt, "sends on to nowhere");
}

/** The announced commit, which must be the one asked for if that was a commit. */
function commitOf(announced: string | undefined, attempt: Attempt): string {
  const { revision } = attempt.of;
  if (isCommit(revision)) {
    if (announced === undefined || announced === revision) return revision;
    throw announcementFailure(attempt, `answers with another commit than ${revision}`);
  }
  if (announced !== undefined && isCommit(announced)) return announced;
  throw announcementFailure(attempt, `does not say which commit ${revision} is (no X-Repo-Commit)`);
}

function sizeIn(text: string | null, attempt: Attempt): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw announcementFailure(attempt, "announces a size that is no number of bytes");
}
