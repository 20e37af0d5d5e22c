/**
 * File names that identify the process that made the file, so that any other process can recognise what a killed process left
 * behind. A process ID is valid only within one PID namespace and one boot of one machine; from outside, only a fresh
 * modification time shows that a process is alive.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { utimes } from "node:fs/promises";
import { hostname, uptime } from "node:os";

/** `host-boot-space-pid-start-random`; no part contains a dash. */
interface Owner {
  readonly host: string;
  readonly boot: string;
  /** The inode of the PID namespace; {@link UNKNOWN} if the system does not say. */
  readonly space: string;
  readonly pid: number;
  readonly start: string;
}

const UNKNOWN = "0";
const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** The content of a small system file or link; undefined if it cannot be read. */
function readOptional(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

// 2 is the version of the name format; names of an older version count as those of another machine.
const host = short(`2 ${hostname()}`);
const bootId = readOptional(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
const boot = bootId === undefined ? UNKNOWN : short(bootId);
const space = readOptional(() => readlinkSync("/proc/self/ns/pid"))?.match(/\d+/)?.[0] ?? UNKNOWN;
/** If namespaces exist and this process cannot find out its own, process IDs mean nothing. */
const knowsSpace = space !== UNKNOWN || process.platform !== "linux";

/** A new unique name that identifies this process. */
export const ownerName = (): string =>
  [host, boot, space, process.pid, startOf(process.pid), randomBytes(6).toString("hex")].join("-");

/** The pattern of an {@link ownerName}, for patterns of longer names. */
export const OWNER_PATTERN = "[0-9a-f]{8}-[0-9a-f]{1,8}-\\d+-\\d+-\\w+-[0-9a-f]+";

function ownerOf(name: string): Owner {
  const [itsHost = "", itsBoot = "", itsSpace = "", pid, start = UNKNOWN] = name.split("-");
  return { host: itsHost, boot: itsBoot, space: itsSpace, pid: Number(pid), start };
}

const isNear = (owner: Owner): boolean =>
  owner.host === host && owner.boot === boot && owner.space === space && knowsSpace;

/**
 * Whether the process that made a name is alive.
 *
 * @param seen the modification time of the file with that name, in milliseconds since 1970
 * @param silence how old `seen` may be, in milliseconds, if the process cannot be checked directly
 */
export function isAlive(name: string, seen: number, silence: number): boolean {
  const owner = ownerOf(name);
  if (isNear(owner)) return isRunning(owner);
  // This machine has been restarted since.
  if (owner.host === host && owner.boot !== boot && owner.boot !== UNKNOWN && seen < Date.now() - uptime() * 1000)
    return false;
  // A time in the future does not count either: files from an archive can have any time.
  return Math.abs(Date.now() - seen) < silence;
}

function isRunning({ pid, start }: Owner): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is alive, as another user.
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now !== ENDED && (start === UNKNOWN || now === UNKNOWN || start === now);
}

const ENDED = "ended";

/**
 * When a process started, so that a reused process ID is not taken for the same process. {@link UNKNOWN} if the system does not
 * say, {@link ENDED} for a zombie: a process that has ended and that its parent has not collected.
 */
function startOf(pid: number): string {
  // Linux, proc_pid_stat(5): counted after the process name in parentheses; field 3 is the state, 22 the start.
  const stat = readOptional(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (stat === undefined) return UNKNOWN;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? ENDED : (fields[19] ?? UNKNOWN);
}

/** The ID of the process that made a name; undefined if this process cannot check or signal it. */
export function processOf(name: string): number | undefined {
  const owner = ownerOf(name);
  return isNear(owner) ? owner.pid : undefined;
}

/** The process that made a name, in words: "process 12". */
export function ownerText(name: string): string {
  const owner = ownerOf(name);
  if (isNear(owner)) return `process ${owner.pid}`;
  const where = owner.host === host && owner.boot === boot ? "in another container" : "on another machine";
  return `process ${Number.isSafeInteger(owner.pid) ? `${owner.pid} ` : ""}${where}`;
}

// Heartbeats: a living process keeps the modification time of a file fresh, for processes that cannot check it directly.

/** How often a file is touched, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/**
 * How long after the last heartbeat a process counts as ended, in milliseconds. Many intervals long, because a process that
 * blocks its event loop gives no heartbeat.
 */
export const SILENCE = 10 * 60_000;

/** Keeps the modification time of a file fresh until the returned function is called. Does not keep the process alive. */
export function keepFresh(path: string): () => void {
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), HEARTBEAT_MS);
  timer.unref();
  return () => clearInterval(timer);
}
