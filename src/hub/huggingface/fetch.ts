/**
 * Files of a Hugging Face repository, from Graft's cache or else from the hub: verified, kept, shared between
 * processes. What the files mean is not known here.
 */
import { constants } from "node:fs";
import { chmod, copyFile, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, sha256, writeFailure } from "../../base/files.ts";
import { markUsed } from "../../base/last-use.ts";
import { withLock } from "../../base/lock.ts";
import { notice } from "../../base/notices.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { checkHubFile, type Hub, type HubFile, hubOf, isCommit, nameOf } from "./address.ts";
import { type Announcement, announcementOf } from "./announcement.ts";
import { type Digest, examine } from "./digest.ts";
import { download } from "./download.ts";
import { type Attempt, alteredFailure, damagedFailure, offlineFailure, otherFileFailure } from "./failures.ts";
import { defaultPatience, type Patience, persist } from "./patience.ts";
import { type Candidate, findCandidate } from "./python-cache.ts";
import {
  blobOf,
  blobsFolder,
  type CachedHubFile,
  isWhole,
  keepBlob,
  keepRecords,
  lookUp,
  recordOf,
  removeAbandoned,
  storeFolder,
} from "./store.ts";

export interface HubOptions {
  /** Told of the bytes that arrived. */
  readonly onProgress?: OnProgress | undefined;
  /** Takes only what is on this disk; no connection is made. */
  readonly offline?: boolean | undefined;
  /** The most bytes that a file may have; default 4 GiB. */
  readonly maxBytes?: number | undefined;
  /** How much a hub is put up with; default {@link defaultPatience}. */
  readonly patience?: Partial<Patience> | undefined;
}

/** The file if it is in Graft's cache; no connection is made. For a branch, as it was when last fetched. */
export async function hubFileInCache(of: HubFile): Promise<CachedHubFile | undefined> {
  checkHubFile(of);
  return await lookUp(of);
}

/**
 * A file of a repository, from the cache or else from the hub that `HF_ENDPOINT` names.
 *
 * A file at a commit, or with a pinned hash, is taken from the cache without asking; for a branch the hub is asked
 * which commit it is. Bytes are checked against the pinned SHA-256, else against the one recorded when this commit's
 * file first came, else against the one that the hub announces. A transfer that was cut off goes on where it stopped,
 * in this run or the next. Safe to call at once from several processes: one fetches, the others wait.
 *
 * @throws GraftError (`usage`) for names that cannot be on a hub; (`work`) where the file cannot be had or is another
 */
export async function fetchHubFile(of: HubFile, options: HubOptions = {}): Promise<CachedHubFile> {
  checkHubFile(of);
  const { offline = false, onProgress, maxBytes = 2 ** 32 } = options;
  const patience = { ...defaultPatience, ...options.patience };
  const hub = hubOf();
  if (offline || isCommit(of.revision) || of.sha256 !== undefined) {
    const found = (await lookUp(of)) ?? (await adopt(of, await findCandidate(of), maxBytes));
    if (found) await markUsed(found.path);
    if (found) return found;
    if (offline) throw offlineFailure(of, hub.endpoint, storeFolder());
  }
  const onWait = (milliseconds: number): void => {
    const stage = `Waiting ${Math.ceil(milliseconds / 1000)} s to ask ${hub.endpoint} again`;
    createMeter({ stage, unit: "bytes", onProgress });
  };
  const { silence } = patience;
  const attempt: Attempt = { hub, of, cached: (await lookUp(of))?.commit };
  const announced = await persist(patience, onWait, () => announcementOf(attempt, { silence, maxBytes }));
  return await settle(attempt, announced, { maxBytes, patience, onProgress, onWait });
}

/**
 * Fetches again a file that was found damaged by who read it.
 *
 * @throws GraftError (`work`) as {@link fetchHubFile}; where no connection may be made, with the code `cache-damaged`
 */
export async function fetchAgain(of: HubFile, damaged: CachedHubFile, options: HubOptions): Promise<CachedHubFile> {
  if (options.offline)
    throw damagedFailure(damaged.path, "Graft works offline: run once without --offline to fetch it again");
  await withLock(`${join(blobsFolder(), damaged.sha256)}.lock`, { whenHeld: "wait" }, async () => {
    // Another process may have done so.
    if (await isWhole(damaged)) return;
    notice(`${damaged.path} in the cache was damaged: it is fetched again.`);
    await rm(damaged.path, { recursive: true, force: true });
  });
  return await fetchHubFile(of, options);
}

interface SettleOptions {
  readonly maxBytes: number;
  readonly patience: Patience;
  readonly onProgress: OnProgress | undefined;
  readonly onWait: (milliseconds: number, reason: string) => void;
}

/** The announced file: from the cache if it is there by now, else fetched. */
async function settle({ hub, of }: Attempt, announced: Announcement, options: SettleOptions): Promise<CachedHubFile> {
  const { commit, size } = announced;
  const fixed: HubFile = { ...of, revision: commit };
  const attempt: Attempt = { hub, of: fixed };
  const digest = await digestToMeet(attempt, announced);
  const identity = identityOf(hub, fixed, digest);
  await makeFolder(blobsFolder());
  await removeAbandoned();
  const onHeld = (holder: string): void => {
    const stage = `Waiting for ${holder}, which fetches ${nameOf(of)}`;
    createMeter({ stage, unit: "bytes", onProgress: options.onProgress });
  };
  const place = join(blobsFolder(), identity);
  return await withLock(`${place}.lock`, { whenHeld: "wait", onWait: onHeld }, async () => {
    const known = (await lookUp(fixed)) ?? (await sameContent(fixed, digest, size));
    const found = known ?? (await adopt(fixed, await findCandidate(fixed), options.maxBytes));
    const file = found ?? (await fetchNow(attempt, announced, digest, `${place}.part`, options));
    await keepRecords(of, file);
    return file;
  });
}

/** What the bytes must hash to; throws where what is announced cannot have that hash. */
async function digestToMeet(attempt: Attempt, { commit, digest }: Announcement): Promise<Digest | undefined> {
  const { of } = attempt;
  const record = of.sha256 === undefined ? await recordOf(of, commit) : undefined;
  const expected = of.sha256 ?? record?.sha256;
  if (expected === undefined) return digest;
  if (digest?.kind === "sha256" && digest.hex !== expected)
    throw otherFileFailure(attempt, digest.hex, expected, record ? "was fetched before" : "is pinned");
  return { kind: "sha256", hex: expected };
}

/** What locks and partial files are named by: the content where it is known beforehand. */
const identityOf = (hub: Hub, { repo, file, revision }: HubFile, digest: Digest | undefined): string =>
  digest?.kind === "sha256"
    ? digest.hex
    : digest
      ? `sha1-${digest.hex}`
      : `unknown-${sha256(JSON.stringify([hub.endpoint, repo, file, revision])).slice(0, 40)}`;

/** A content that came as part of another commit or repository. */
const sameContent = async (
  of: HubFile,
  digest: Digest | undefined,
  size: number | undefined,
): Promise<CachedHubFile | undefined> =>
  digest?.kind === "sha256" && size !== undefined ? await blobOf(of, of.revision, digest.hex, size) : undefined;

async function fetchNow(
  attempt: Attempt,
  { commit, size }: Announcement,
  digest: Digest | undefined,
  part: string,
  { maxBytes, patience, onWait, onProgress }: SettleOptions,
): Promise<CachedHubFile> {
  const { of } = attempt;
  // What nothing vouches for cannot be told from another file's beginning.
  if (!digest) await rm(part, { force: true });
  const meter = (from: number) =>
    createMeter({ stage: `Fetching ${nameOf(of)}`, unit: "bytes", total: size, from, onProgress });
  await download(attempt, { part, size, maxBytes, patience, onWait, meter });
  const found = await examine(part, digest);
  if (!found.agrees) {
    await rm(part, { force: true });
    throw alteredFailure(attempt, `its ${digest?.kind} differs`);
  }
  await keepBlob(of, part, found.sha256);
  const kept = await blobOf(of, commit, found.sha256, found.size);
  if (!kept) throw new Error(`${part} is gone from where it was just put.`);
  return kept;
}

/** Copies a candidate of Python's cache into Graft's if it has the hash that it must have. */
async function adopt(
  of: HubFile,
  candidate: Candidate | undefined,
  maxBytes: number,
): Promise<CachedHubFile | undefined> {
  if (!candidate || candidate.size > maxBytes) return undefined;
  const { commit, digest, path } = candidate;
  await makeFolder(blobsFolder());
  const copy = join(blobsFolder(), `${digest.hex}.copy`);
  return await withLock(`${copy}.lock`, { whenHeld: "wait" }, async () => {
    try {
      await copyForOneself(path, copy);
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

/** A copy, flushed, so that nothing done to one cache reaches the other; where the disk can, one that shares its blocks. */
async function copyForOneself(path: string, copy: string): Promise<void> {
  try {
    await copyFile(path, copy, constants.COPYFILE_FICLONE);
    await chmod(copy, 0o644);
    const file = await open(copy, "r+");
    await file.sync().finally(() => file.close());
  } catch (error) {
    throw writeFailure(copy, error);
  }
}
