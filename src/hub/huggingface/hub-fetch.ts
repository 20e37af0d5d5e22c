/**
 * Files of a Hugging Face repository, from Graft's cache or from the hub: verified, stored, shared between processes. Does not
 * interpret the files.
 */
import { constants } from "node:fs";
import { chmod, copyFile, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { markUsed } from "../../base/cache-folder.ts";
import { makeFolder, sha256, writeFailure } from "../../base/files.ts";
import { withLock } from "../../base/lock.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { notice } from "../../base/sealed.ts";
import { checkHubFile, type Hub, type HubFile, hubOf, isCommit, nameOf } from "./hub-address.ts";
import { type Digest, download, examine, type FileMetadata, fileMetadataOf } from "./hub-download.ts";
import { type Attempt, alteredFailure, damagedFailure, offlineFailure, otherFileFailure } from "./hub-failures.ts";
import { defaultRetryPolicy, type RetryPolicy, withRetries } from "./hub-request.ts";
import {
  blobOf,
  blobsFolder,
  type CachedCandidate,
  type CachedHubFile,
  findCandidate,
  isWhole,
  keepBlob,
  keepRecords,
  lookUp,
  recordOf,
  removeAbandoned,
  storeFolder,
} from "./hub-store.ts";

export interface HubOptions {
  /** Called with the bytes that arrived. */
  readonly onProgress?: OnProgress | undefined;
  /** Uses only files on this disk; makes no connection. */
  readonly offline?: boolean | undefined;
  /** The largest file, in bytes; default 4 GiB. */
  readonly maxBytes?: number | undefined;
  /** When to try again and when to give up; default {@link defaultRetryPolicy}. */
  readonly retryPolicy?: Partial<RetryPolicy> | undefined;
}

/** The file if it is in Graft's cache, without a connection. For a branch, the version that was fetched last. */
export async function hubFileInCache(of: HubFile): Promise<CachedHubFile | undefined> {
  checkHubFile(of);
  return await lookUp(of);
}

/**
 * A file of a repository, from the cache or from the hub that `HF_ENDPOINT` names.
 *
 * A file at a commit, or with a pinned hash, comes from the cache without a request; for a branch, the hub is asked for the
 * commit. The content is checked against the pinned SHA-256, else against the one recorded when this file was first fetched at
 * this commit, else against the one that the hub states. An interrupted transfer is resumed, in this run or the next. Several
 * processes may call this at the same time: one fetches, the others wait.
 *
 * @throws GraftError (`usage`) for names that cannot exist on a hub; (`work`) if the file cannot be fetched or is not the expected one
 */
export async function fetchHubFile(of: HubFile, options: HubOptions = {}): Promise<CachedHubFile> {
  checkHubFile(of);
  const { offline = false, onProgress, maxBytes = 2 ** 32 } = options;
  const retryPolicy = { ...defaultRetryPolicy, ...options.retryPolicy };
  const hub = hubOf();
  if (offline || isCommit(of.revision) || of.sha256 !== undefined) {
    const found = (await lookUp(of)) ?? (await adopt(of, await findCandidate(of), maxBytes));
    if (found) await markUsed(found.path);
    if (found) return found;
    if (offline) throw offlineFailure(of, hub.endpoint, storeFolder());
  }
  const onWait = (milliseconds: number): void => {
    const stage = `Waiting ${Math.ceil(milliseconds / 1000)} s before asking ${hub.endpoint} again`;
    createMeter({ stage, unit: "bytes", onProgress });
  };
  const { silenceMs } = retryPolicy;
  const attempt: Attempt = { hub, of, cached: (await lookUp(of))?.commit };
  const metadata = await withRetries(retryPolicy, onWait, () => fileMetadataOf(attempt, { silenceMs, maxBytes }));
  return await settle(attempt, metadata, { maxBytes, retryPolicy, onProgress, onWait });
}

/**
 * Fetches a file again after its reader found it damaged.
 *
 * @throws GraftError (`work`) as {@link fetchHubFile}; with the code `cache-damaged` if no connection may be made
 */
export async function fetchAgain(of: HubFile, damaged: CachedHubFile, options: HubOptions): Promise<CachedHubFile> {
  if (options.offline)
    throw damagedFailure(damaged.path, "Graft is offline: run once without --offline to fetch it again");
  await withLock(`${join(blobsFolder(), damaged.sha256)}.lock`, { whenHeld: "wait" }, async () => {
    // Another process may have fetched it already.
    if (await isWhole(damaged)) return;
    notice(`${damaged.path} in the cache was damaged: it is fetched again.`);
    await rm(damaged.path, { recursive: true, force: true });
  });
  return await fetchHubFile(of, options);
}

interface SettleOptions {
  readonly maxBytes: number;
  readonly retryPolicy: RetryPolicy;
  readonly onProgress: OnProgress | undefined;
  readonly onWait: (milliseconds: number, reason: string) => void;
}

/** The file with this metadata: from the cache if it is there by now, else fetched. */
async function settle({ hub, of }: Attempt, metadata: FileMetadata, options: SettleOptions): Promise<CachedHubFile> {
  const { commit, size } = metadata;
  const fixed: HubFile = { ...of, revision: commit };
  const attempt: Attempt = { hub, of: fixed };
  const digest = await expectedDigest(attempt, metadata);
  const identity = identityOf(hub, fixed, digest);
  await makeFolder(blobsFolder());
  await removeAbandoned();
  const onHeld = (holder: string): void => {
    const stage = `Waiting for ${holder}, which is fetching ${nameOf(of)}`;
    createMeter({ stage, unit: "bytes", onProgress: options.onProgress });
  };
  const place = join(blobsFolder(), identity);
  return await withLock(`${place}.lock`, { whenHeld: "wait", onWait: onHeld }, async () => {
    const known = (await lookUp(fixed)) ?? (await sameContent(fixed, digest, size));
    const found = known ?? (await adopt(fixed, await findCandidate(fixed), options.maxBytes));
    const file = found ?? (await fetchNow(attempt, metadata, digest, `${place}.part`, options));
    await keepRecords(of, file);
    return file;
  });
}

/** The hash that the content must have. Throws if the hub states another one. */
async function expectedDigest(attempt: Attempt, { commit, digest }: FileMetadata): Promise<Digest | undefined> {
  const { of } = attempt;
  const record = of.sha256 === undefined ? await recordOf(of, commit) : undefined;
  const expected = of.sha256 ?? record?.sha256;
  if (expected === undefined) return digest;
  if (digest?.kind === "sha256" && digest.hex !== expected)
    throw otherFileFailure(attempt, digest.hex, expected, record ? "was fetched before" : "is pinned");
  return { kind: "sha256", hex: expected };
}

/** The name of the lock and the partial file: the hash of the content, if it is known beforehand. */
const identityOf = (hub: Hub, { repo, file, revision }: HubFile, digest: Digest | undefined): string =>
  digest?.kind === "sha256"
    ? digest.hex
    : digest
      ? `sha1-${digest.hex}`
      : `unknown-${sha256(JSON.stringify([hub.endpoint, repo, file, revision])).slice(0, 40)}`;

/** The same content, if it was fetched for another commit or repository. */
const sameContent = async (
  of: HubFile,
  digest: Digest | undefined,
  size: number | undefined,
): Promise<CachedHubFile | undefined> =>
  digest?.kind === "sha256" && size !== undefined ? await blobOf(of, of.revision, digest.hex, size) : undefined;

async function fetchNow(
  attempt: Attempt,
  { commit, size }: FileMetadata,
  digest: Digest | undefined,
  part: string,
  { maxBytes, retryPolicy, onWait, onProgress }: SettleOptions,
): Promise<CachedHubFile> {
  const { of } = attempt;
  // Without a hash, a partial file may be the start of another file.
  if (!digest) await rm(part, { force: true });
  const meter = (from: number) =>
    createMeter({ stage: `Fetching ${nameOf(of)}`, unit: "bytes", total: size, from, onProgress });
  await download(attempt, { part, size, maxBytes, retryPolicy, onWait, meter });
  const found = await examine(part, digest);
  if (!found.agrees) {
    await rm(part, { force: true });
    throw alteredFailure(attempt, `its ${digest?.kind} differs`);
  }
  await keepBlob(of, part, found.sha256);
  const kept = await blobOf(of, commit, found.sha256, found.size);
  if (!kept) throw new Error(`${part} is missing right after it was stored.`);
  return kept;
}

/** Copies a candidate from Python's cache into Graft's cache if it has the expected hash. */
async function adopt(
  of: HubFile,
  candidate: CachedCandidate | undefined,
  maxBytes: number,
): Promise<CachedHubFile | undefined> {
  if (!candidate || candidate.size > maxBytes) return undefined;
  const { commit, digest, path } = candidate;
  await makeFolder(blobsFolder());
  const copy = join(blobsFolder(), `${digest.hex}.copy`);
  return await withLock(`${copy}.lock`, { whenHeld: "wait" }, async () => {
    try {
      await copyAndFlush(path, copy);
      const found = await examine(copy, digest);
      if (!found.agrees) return undefined;
      await keepBlob(of, copy, found.sha256);
      const kept = await blobOf(of, commit, found.sha256, found.size);
      if (kept) await keepRecords(of, kept);
      return kept;
    } finally {
      await rm(copy, { force: true });
    }
  });
}

/** Copies and flushes a file, so that changes to one cache do not affect the other. Shares disk blocks if the disk can. */
async function copyAndFlush(path: string, copy: string): Promise<void> {
  try {
    await copyFile(path, copy, constants.COPYFILE_FICLONE);
    await chmod(copy, 0o644);
    const file = await open(copy, "r+");
    await file.sync().finally(() => file.close());
  } catch (error) {
    throw writeFailure(copy, error);
  }
}
