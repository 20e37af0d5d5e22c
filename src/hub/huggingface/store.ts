/**
 * What was fetched from hubs, as it lies in the cache: contents by their hash, and small records of which file of
 * which commit has which. Nothing is fetched or verified here; what is put in was.
 *
 *     huggingface/blobs/<sha256>.safetensors            a content; `.part` while it arrives
 *     huggingface/models/<owner>--<name>/commits/<commit>/<file>.json   its hash and size
 *     huggingface/models/<owner>--<name>/revisions/<branch>.json        the commit that it last was
 */
import { readFile, rename, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { codeOf, workError } from "../../base/errors.ts";
import { writeFailure, writeWhole } from "../../base/files.ts";
import { encoded, type HubFile, isCommit, isSha256 } from "./address.ts";

/** A file of a hub that is on disk, verified when it came. */
export interface CachedHubFile {
  readonly path: string;
  readonly sha256: string;
  /** The commit that it belongs to. */
  readonly commit: string;
  /** Bytes. */
  readonly size: number;
}

/** The folder of everything that came from hubs. */
export const storeFolder = (): string => join(cacheFolder(), "huggingface");

export const blobsFolder = (): string => join(storeFolder(), "blobs");

/** Where a content lies; it keeps the ending of its file's name, by which readers tell formats. */
const blobPath = (file: string, sha256: string): string =>
  join(blobsFolder(), sha256 + (/^\.[A-Za-z0-9]{1,16}$/.exec(extname(file))?.[0] ?? ""));

const modelFolder = ({ repo }: HubFile): string => join(storeFolder(), "models", repo.replace("/", "--"));

const recordPath = (of: HubFile, commit: string): string =>
  join(modelFolder(of), "commits", commit, `${encoded(of.file)}.json`);

const revisionPath = (of: HubFile): string => join(modelFolder(of), "revisions", `${encoded(of.revision)}.json`);

/** A record's fields; `undefined` where there is no such record or it is damaged. */
async function readRecord(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof record === "object" && record !== null ? { ...record } : undefined;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw workError(`Could not read ${path} (${codeOf(error)}): make it readable or delete it.`, error);
  }
}

/** The commit that a revision is, or was when it was last asked for. */
export async function commitOf(of: HubFile): Promise<string | undefined> {
  if (isCommit(of.revision)) return of.revision;
  const commit = (await readRecord(revisionPath(of)))?.commit;
  return typeof commit === "string" && isCommit(commit) ? commit : undefined;
}

/** The SHA-256 and bytes that a file of a commit had when it first came. */
export async function recordOf(
  of: HubFile,
  commit: string,
): Promise<{ readonly sha256: string; readonly size: number } | undefined> {
  const { file, sha256, size } = (await readRecord(recordPath(of, commit))) ?? {};
  // On a disk that takes a and A for the same, the record may be another file's.
  if (file !== of.file || typeof sha256 !== "string" || !isSha256(sha256) || typeof size !== "number") return undefined;
  return { sha256, size };
}

/** The file if it is there whole and, where a hash is pinned, has that. */
export async function lookUp(of: HubFile): Promise<CachedHubFile | undefined> {
  const commit = await commitOf(of);
  const record = commit === undefined ? undefined : await recordOf(of, commit);
  if (commit === undefined || !record || (of.sha256 !== undefined && of.sha256 !== record.sha256)) return undefined;
  return await blobOf(of, commit, record.sha256, record.size);
}

/** A content that is there whole, as a file of a commit. */
export async function blobOf(
  of: HubFile,
  commit: string,
  sha256: string,
  size: number,
): Promise<CachedHubFile | undefined> {
  const path = blobPath(of.file, sha256);
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() && found.size === size ? { path, sha256, commit, size } : undefined;
}

/** Renames verified bytes, flushed to the disk, into their place. */
export async function keepBlob(of: HubFile, part: string, sha256: string): Promise<void> {
  const path = blobPath(of.file, sha256);
  try {
    await rename(part, path);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Notes what a file of a commit holds, and which commit the revision is. */
export async function keepRecords(of: HubFile, { commit, sha256, size }: CachedHubFile): Promise<void> {
  const known = await recordOf(of, commit);
  if (known?.sha256 !== sha256 || known.size !== size)
    await writeWhole(recordPath(of, commit), `${JSON.stringify({ file: of.file, sha256, size })}\n`);
  if ((await commitOf(of)) !== commit) await writeWhole(revisionPath(of), `${JSON.stringify({ commit })}\n`);
}
