/**
 * The cache of files from hubs: contents by their hash, and small records of which file at which commit has which content. Also finds
 * files in the cache of Python's `huggingface_hub`. Fetches nothing. Contents are verified before they are stored. Small ones are
 * verified again when they are looked up; readers of large ones hash what they read and compare.
 *
 *     huggingface/blobs/<sha256>.safetensors            a content; `.part` while it is fetched
 *     huggingface/models/<owner>--<name>/commits/<commit>/<file>.json   its hash and size
 *     huggingface/models/<owner>--<name>/revisions/<branch>.json        the commit when it was last looked up
 */

import { access, constants, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../../base/cache-folder.ts";
import { sha256OfFile, writeFailure } from "../../base/files.ts";
import { tryLock } from "../../base/lock.ts";
import { inspectSealedJson, notice, writeSealedJson } from "../../base/sealed.ts";
import { encoded, type HubFile, isCommit, isSha256 } from "./hub-address.ts";
import { type Digest, digestOf } from "./hub-download.ts";

/** A file of a hub on disk. It was verified when it was fetched; a large file not since, see {@link isWhole}. */
export interface CachedHubFile {
  readonly path: string;
  readonly sha256: string;
  /** The commit that it belongs to. */
  readonly commit: string;
  /** Bytes. */
  readonly size: number;
}

/** The folder of everything from hubs. */
export const storeFolder = (): string => join(cacheFolder(), "huggingface");

export const blobsFolder = (): string => join(storeFolder(), "blobs");

/** The path of a content. It keeps the extension of the file name, by which readers recognise formats. */
const blobPath = (file: string, sha256: string): string =>
  join(blobsFolder(), sha256 + (/^\.[A-Za-z0-9]{1,16}$/.exec(extname(file))?.[0] ?? ""));

const modelFolder = ({ repo }: HubFile): string => join(storeFolder(), "models", repo.replace("/", "--"));

const recordPath = (of: HubFile, commit: string): string =>
  join(modelFolder(of), "commits", commit, `${encoded(of.file)}.json`);

const revisionPath = (of: HubFile): string => join(modelFolder(of), "revisions", `${encoded(of.revision)}.json`);

export const recordSchema = v.object({
  file: v.string(),
  sha256: v.pipe(v.string(), v.check(isSha256)),
  size: v.number(),
});
const revisionSchema = v.object({ commit: v.pipe(v.string(), v.check(isCommit)) });

/** A record; undefined if there is none. Old records without a checksum are accepted, because contents have their own. */
async function readRecord<S extends v.GenericSchema>(path: string, schema: S): Promise<v.InferOutput<S> | undefined> {
  const found = await inspectSealedJson(path, schema);
  if (found.kind === "whole") return found.value;
  if (found.kind === "damaged") notice(`${path} in the cache was damaged: asking the hub again.`);
  const plain = v.safeParse(schema, found.kind === "other" ? found.json : undefined);
  return plain.success ? plain.output : undefined;
}

/** The commit of a revision, as of the last time it was looked up. */
export async function commitOf(of: HubFile): Promise<string | undefined> {
  if (isCommit(of.revision)) return of.revision;
  return (await readRecord(revisionPath(of), revisionSchema))?.commit;
}

/** The SHA-256 and the size in bytes of a file at a commit when it was first fetched. */
export async function recordOf(
  of: HubFile,
  commit: string,
): Promise<{ readonly sha256: string; readonly size: number } | undefined> {
  const record = await readRecord(recordPath(of, commit), recordSchema);
  // On a case-insensitive disk the record may belong to another file.
  return record?.file === of.file ? record : undefined;
}

/** The file if it is in the cache, undamaged, and has the pinned hash if there is one. */
export async function lookUp(of: HubFile): Promise<CachedHubFile | undefined> {
  const commit = await commitOf(of);
  const record = commit === undefined ? undefined : await recordOf(of, commit);
  if (commit === undefined || !record || (of.sha256 !== undefined && of.sha256 !== record.sha256)) return undefined;
  return await blobOf(of, commit, record.sha256, record.size);
}

/** Contents up to this size, in bytes, are verified whenever they are looked up. */
const SMALL = 4 << 20;

/** A stored content as a file at a commit; undefined if it is missing or damaged. */
export async function blobOf(
  of: HubFile,
  commit: string,
  sha256: string,
  size: number,
): Promise<CachedHubFile | undefined> {
  const path = blobPath(of.file, sha256);
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  const file: CachedHubFile = { path, sha256, commit, size };
  if (found.isFile() && found.size === size && (size > SMALL || (await isWhole(file)))) return file;
  notice(`${path} in the cache was damaged: it is fetched again.`);
  return undefined;
}

/** Whether a content is unchanged. Reads all of it. */
export const isWhole = async ({ path, sha256 }: CachedHubFile): Promise<boolean> =>
  (await sha256OfFile(path).catch(() => undefined)) === sha256;

/** Moves verified and flushed bytes to their place. */
export async function keepBlob(of: HubFile, part: string, sha256: string): Promise<void> {
  const path = blobPath(of.file, sha256);
  try {
    // Something other than a file, such as a folder, is in the way.
    const before = await stat(path).catch(() => undefined);
    if (before && !before.isFile()) await rm(path, { recursive: true });
    await rename(part, path);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Records the content of a file at a commit, and the commit of the revision. */
export async function keepRecords(of: HubFile, { commit, sha256, size }: CachedHubFile): Promise<void> {
  const known = await recordOf(of, commit);
  if (known?.sha256 !== sha256 || known.size !== size)
    await writeSealedJson(recordPath(of, commit), { file: of.file, sha256, size });
  if ((await commitOf(of)) !== commit) await writeSealedJson(revisionPath(of), { commit });
}

/** A transfer that was not continued for this long is removed, in milliseconds. */
const ABANDONED = 14 * 86_400_000;

/** Unfinished transfers and copies, each with its lock. */
export async function unfinishedTransfers(): Promise<{ readonly path: string; readonly lock: string }[]> {
  const names = await readdir(blobsFolder()).catch((): string[] => []);
  return names.flatMap((name) => {
    const path = join(blobsFolder(), name);
    if (name.endsWith(".copy")) return [{ path, lock: `${path}.lock` }];
    return name.endsWith(".part") ? [{ path, lock: `${path.slice(0, -".part".length)}.lock` }] : [];
  });
}

/** Removes old transfers that no process is working on. */
export async function removeAbandoned(): Promise<void> {
  for (const { path, lock } of await unfinishedTransfers()) {
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED) await tryLock(lock, () => rm(path, { force: true }));
  }
}

// The cache of Python's `huggingface_hub`: files in it need not be fetched again. Graft never writes to it.
// Its layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache. Callers verify what it finds.

/** A file that may be the wanted one. */
export interface CachedCandidate {
  readonly path: string;
  readonly commit: string;
  readonly size: number;
  /** The hash that it must have. */
  readonly digest: Digest;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** `HF_HUB_CACHE`, else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`. */
const cacheOf = (env: Variables): string =>
  env.HF_HUB_CACHE || join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub");

/**
 * The file in Python's cache, if it exists and its hash is known: the pinned hash, or the name of its blob.
 * For a branch, the commit that Python fetched last.
 */
export async function findCandidate(of: HubFile, env: Variables = process.env): Promise<CachedCandidate | undefined> {
  const model = join(cacheOf(env), `models--${of.repo.replace("/", "--")}`);
  try {
    const commit = isCommit(of.revision)
      ? of.revision
      : (await readFile(join(model, "refs", ...of.revision.split("/")), "utf8")).trim();
    if (!isCommit(commit)) return undefined;
    const path = await realpath(join(model, "snapshots", commit, ...of.file.split("/")));
    await access(path, constants.R_OK);
    const file = await stat(path);
    const blob = dirname(path) === join(await realpath(model), "blobs") ? digestOf(basename(path)) : undefined;
    const digest: Digest | undefined = of.sha256 === undefined ? blob : { kind: "sha256", hex: of.sha256 };
    return file.isFile() && digest ? { path, commit, size: file.size, digest } : undefined;
  } catch {
    // Missing or not readable: the hub has the file too.
    return undefined;
  }
}
