/**
 * Locks between processes, for runs that share a cache or write to one output folder.
 *
 * A lock is a folder. A process that wants the lock puts a claim (a file) into it and then lists the folder. If it sees another
 * living claim, it withdraws its own and tries again later. Each process makes its claim before it looks, so of two claims at
 * least one sees the other, and two processes never hold the lock at once. The name of a claim identifies its process
 * (owner.ts), so claims left by killed processes are recognised; names are unique, so any process can remove such a claim without
 * a race. A claim from another machine or PID namespace counts as long as its modification time is fresh.
 */
import { lstat, open, readdir, rm, rmdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, GraftError, workError } from "./errors.ts";
import { makeFolder, writeFailure } from "./files.ts";
import { isAlive, keepFresh, ownerName, ownerText, processOf, SILENCE } from "./owner.ts";

export interface LockOptions {
  /** What to do while another living process holds the lock: wait for it, or fail. */
  readonly whenHeld: "wait" | "fail";
  /** What is locked, for the error of `fail`: "the folder runs/flowers". Default: the lock's path. */
  readonly what?: string | undefined;
  /** Called once, with the holder in words, if the lock is held. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** How often a process tries before `fail` gives up: two processes may withdraw their claims for each other. */
const tries = 8;

/**
 * Runs `work` while holding the lock at `path` and returns its result. Takes over a lock whose holder was killed (`kill -9`).
 *
 * @param path a path that nothing else uses; a folder exists there while the lock is held
 * @throws GraftError (`work`) if the lock is held and `whenHeld` is `fail` (code `in-use`), or if `path` cannot be written
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  return holding(path, await acquire(path, options), work);
}

/** Runs `work` while holding the lock at `path` and returns its result; undefined if another process holds the lock now. */
export async function tryLock<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
  const { claim } = await attempt(path);
  return claim === undefined ? undefined : holding(path, claim, work);
}

async function holding<T>(path: string, claim: string, work: () => Promise<T>): Promise<T> {
  const stop = keepFresh(claim);
  try {
    return await work();
  } finally {
    stop();
    await release(path, claim);
  }
}

/** The process that holds a lock. */
export interface Holder {
  /** The process ID; undefined if it is on another machine or in another PID namespace. */
  readonly pid: number | undefined;
  /** In words: "process 12". */
  readonly called: string;
}

/** The living process that holds the lock at `path`, on any machine; undefined if none does. */
export async function holderOf(path: string): Promise<Holder | undefined> {
  const claim = await livingClaim(path);
  if (claim === undefined) return undefined;
  return { pid: processOf(basename(claim)), called: ownerText(basename(claim)) };
}

async function acquire(path: string, { whenHeld, what = path, onWait }: LockOptions): Promise<string> {
  let waited = false;
  for (let tried = 1; ; tried++) {
    const { claim, holder } = await attempt(path);
    if (claim !== undefined) return claim;
    if (whenHeld === "fail" && tried >= tries) {
      throw workError(
        `Another run (${ownerText(basename(holder))}) is working in ${what}: wait until it ends, or choose another folder ` +
          `(if no such run exists, delete ${path}).`,
        undefined,
        "in-use",
      );
    }
    if (!waited && whenHeld === "wait") onWait?.(ownerText(basename(holder)));
    waited = true;
    await sleep(20 + Math.random() * (whenHeld === "wait" ? 200 : 40));
  }
}

/** This process's new claim, or the claim of the process that holds the lock. */
async function attempt(path: string): Promise<{ claim: string; holder?: never } | { claim?: never; holder: string }> {
  const before = await livingClaim(path);
  if (before !== undefined) return { holder: before };
  const claim = await makeClaim(path);
  const holder = await livingClaim(path, claim);
  if (holder === undefined) return { claim };
  await release(path, claim);
  return { holder };
}

async function makeClaim(path: string): Promise<string> {
  const claim = join(path, ownerName());
  await makeFolder(path);
  for (;;) {
    try {
      await (await open(claim, "wx")).close();
      return claim;
    } catch (error) {
      // The last holder has just removed the folder.
      if (codeOf(error) !== "ENOENT") throw writeFailure(claim, error);
      await makeFolder(path);
    }
  }
}

async function release(path: string, claim: string): Promise<void> {
  await rm(claim, { force: true });
  await rmdir(path).catch(() => {}); // Fails while other claims are in it.
}

/** The names of claims, of any version of Graft. Other files in the folder are left alone. */
const CLAIM = /^[0-9a-f]{8}(-\w+){3,5}$/;

/** The first claim other than `own` whose process is alive. Removes claims of processes that have ended. */
async function livingClaim(path: string, own?: string): Promise<string | undefined> {
  let names: string[];
  try {
    // The folder may come from somebody else: through a link, claims would be written and removed elsewhere.
    if ((await lstat(path)).isSymbolicLink())
      throw workError(`${path} is a link, and a lock is a folder: delete the link and run the same command again.`);
    const entries = await readdir(path, { withFileTypes: true });
    names = entries.filter((entry) => entry.isFile() && CLAIM.test(entry.name)).map(({ name }) => name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error instanceof GraftError ? error : writeFailure(path, error);
  }
  for (const name of names) {
    const claim = join(path, name);
    if (claim === own) continue;
    if (await lives(claim)) return claim;
    await rm(claim, { force: true });
  }
  return undefined;
}

async function lives(claim: string): Promise<boolean> {
  const seen = await stat(claim).catch(() => undefined);
  return seen !== undefined && isAlive(basename(claim), seen.mtimeMs, SILENCE);
}
