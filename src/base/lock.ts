/**
 * One at a time, across processes: two runs that share a cache, or that write to one output folder.
 *
 * A lock is a folder; who wants it puts a file of its own into it and then looks around. Where another living
 * claim is seen, the own one is taken back and tried again later. Each claim is made before its owner looks, so of
 * two claims at least one sees the other: never do two hold the lock. A claim's name says whose it is, so that
 * a claim left by a killed process is known as such, and, being unique, can be removed by anyone without a race.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, readdir, rm, rmdir, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, workError } from "./errors.ts";
import { makeFolder, writeFailure } from "./files.ts";

export interface LockOptions {
  /** What to do while another living process holds the lock: wait for it, or give up at once. */
  readonly whenHeld: "wait" | "fail";
  /** What is locked, as the error of `fail` is to name it: "the folder runs/flowers". Default: the lock's path. */
  readonly what?: string;
  /** Called once if there is someone to wait for. */
  readonly onWait?: (holder: string) => void;
}

const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
/** How often a holder shows to other machines that it lives, in milliseconds. */
const beat = 15_000;
/** After how long without a sign of life a claim from another machine (or container) is taken for dead. */
const silence = 10 * 60_000;
/** How often two processes that stand in each other's way try again before `fail` gives up. */
const tries = 8;

/**
 * Does `work` while holding the lock at `path` and yields its result. A lock whose holder died (`kill -9`) is taken over.
 *
 * @param path a path that nothing else uses; a folder appears there while the lock is held
 * @throws GraftError (`work`) where the lock is held and `whenHeld` is `fail`, or where `path` cannot be written
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const claim = await acquire(path, options);
  const sign = setInterval(() => void utimes(claim, new Date(), new Date()).catch(() => {}), beat);
  sign.unref();
  try {
    return await work();
  } finally {
    clearInterval(sign);
    await release(path, claim);
  }
}

/** The number of the living process on this machine that holds the lock at `path`, if one does. */
export async function holderOf(path: string): Promise<number | undefined> {
  const claim = await livingClaim(path);
  const [where, pid] = basename(claim ?? "").split("-");
  return where === host ? Number(pid) : undefined;
}

async function acquire(path: string, { whenHeld, what = path, onWait }: LockOptions): Promise<string> {
  let waited = false;
  for (let attempt = 1; ; attempt++) {
    let holder = await livingClaim(path);
    if (!holder) {
      const claim = await makeClaim(path);
      holder = await livingClaim(path, claim);
      if (!holder) return claim;
      await release(path, claim);
    }
    if (whenHeld === "fail" && attempt >= tries) {
      throw workError(
        `Another run (${whose(holder)}) is at work on ${what}: wait for it to end, or choose another place ` +
          `(if no such run exists, delete ${path}).`,
      );
    }
    if (!waited && whenHeld === "wait") onWait?.(whose(holder));
    waited = true;
    await sleep(20 + Math.random() * (whenHeld === "wait" ? 200 : 40));
  }
}

async function makeClaim(path: string): Promise<string> {
  const claim = join(path, `${host}-${process.pid}-${startOf(process.pid)}-${randomBytes(6).toString("hex")}`);
  await makeFolder(path);
  for (;;) {
    try {
      await (await open(claim, "wx")).close();
      return claim;
    } catch (error) {
      // The last holder just removed the folder.
      if (codeOf(error) !== "ENOENT") throw writeFailure(claim, error);
      await mkdir(path, { recursive: true });
    }
  }
}

async function release(path: string, claim: string): Promise<void> {
  await rm(claim, { force: true });
  await rmdir(path).catch(() => {}); // Others may have claims in it.
}

/** The first claim but `own` whose process lives; claims of the dead are removed on the way. */
async function livingClaim(path: string, own?: string): Promise<string | undefined> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw writeFailure(path, error);
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
  const [where, pid, start] = basename(claim).split("-");
  if (where !== host) {
    const seen = await stat(claim).catch(() => undefined);
    return seen !== undefined && Date.now() - seen.mtimeMs < silence;
  }
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false; // EPERM: it lives, as another user.
  }
  const now = startOf(Number(pid));
  return now !== "ended" && (start === "0" || start === now);
}

/**
 * When a process started, so that a reused process number is no sign of life; "0" where the system does not tell,
 * "ended" for a killed process that its parent has not yet taken note of.
 */
function startOf(pid: number): string {
  try {
    // Linux, proc_pid_stat(5): counted from behind the process name in parentheses; field 3 is the state, 22 the start.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "ended" : (fields[19] ?? "0");
  } catch {
    return "0";
  }
}

const whose = (claim: string): string => {
  const [where, pid] = basename(claim).split("-");
  return where === host ? `process ${pid}` : `process ${pid} on another machine`;
};
