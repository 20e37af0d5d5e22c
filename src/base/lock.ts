/**
 * One at a time, across processes: two runs that share a cache, or that write to one output folder.
 *
 * A lock is a folder; who wants it puts a file of its own into it and then looks around. Where another living
 * claim is seen, the own one is taken back and tried again later. Each claim is made before its owner looks, so of
 * two claims at least one sees the other: never do two hold the lock. A claim's name says whose it is (owner.ts), so that
 * a claim left by a killed process is known as such, and, being unique, can be removed by anyone without a race. A claim from
 * another machine or another PID namespace is believed as long as it is kept fresh.
 */
import { lstat, open, readdir, rm, rmdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, GraftError, workError } from "./errors.ts";
import { makeFolder, writeFailure } from "./files.ts";
import { isAlive, ownerName, ownerText, processOf } from "./owner.ts";
import { keepFresh, SILENCE } from "./sign-of-life.ts";

export interface LockOptions {
  /** What to do while another living process holds the lock: wait for it, or give up at once. */
  readonly whenHeld: "wait" | "fail";
  /** What is locked, as the error of `fail` is to name it: "the folder runs/flowers". Default: the lock's path. */
  readonly what?: string | undefined;
  /** Called once if there is someone to wait for. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** How often two processes that stand in each other's way try again before `fail` gives up. */
const tries = 8;

/**
 * Does `work` while holding the lock at `path` and yields its result. A lock whose holder died (`kill -9`) is taken over.
 *
 * @param path a path that nothing else uses; a folder appears there while the lock is held
 * @throws GraftError (`work`) where the lock is held and `whenHeld` is `fail` (code `in-use`), or where `path` cannot be written
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  return holding(path, await acquire(path, options), work);
}

/** Does `work` while holding the lock at `path` and returns its result; nothing where somebody else holds it just now. */
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

/** Who holds a lock. */
export interface Holder {
  /** The number to signal it by; nothing where it is on another machine or in another PID namespace. */
  readonly pid: number | undefined;
  /** In words: "process 12". */
  readonly called: string;
}

/** The living process that holds the lock at `path`, wherever it is, if one does. */
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
        `Another run (${ownerText(basename(holder))}) is at work on ${what}: wait for it to end, or choose another place ` +
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

/** The own claim, or the one that stands in its way. */
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
      // The last holder just removed the folder.
      if (codeOf(error) !== "ENOENT") throw writeFailure(claim, error);
      await makeFolder(path);
    }
  }
}

async function release(path: string, claim: string): Promise<void> {
  await rm(claim, { force: true });
  await rmdir(path).catch(() => {}); // Others may have claims in it.
}

/** What claims are called, by any version of Graft. Whatever else is in the folder is not a lock's, and not removed. */
const CLAIM = /^[0-9a-f]{8}(-\w+){3,5}$/;

/** The first claim but `own` whose process lives; claims of the dead are removed on the way. */
async function livingClaim(path: string, own?: string): Promise<string | undefined> {
  let names: string[];
  try {
    // A folder from somebody else: through a link, claims would be made and removed wherever it leads.
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
