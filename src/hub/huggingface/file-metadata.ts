/**
 * Asks a hub for the metadata of a file (commit, size, hash) without transferring the file.
 */
import { isCommit, resolveUrl } from "./address.ts";
import { type Digest, digestOf } from "./digest.ts";
import { type Attempt, fileMetadataFailure, sizeFailure, statusFault } from "./failures.ts";
import { hops } from "./request.ts";

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
