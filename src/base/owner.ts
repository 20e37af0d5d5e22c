/**
 * Which process made a file, written into the file's name: so that any process that sees the disk can tell what a killed one
 * left. A process number means something only inside its PID namespace on its boot of its machine; from outside of these only
 * signs of life (a modification time that moves) can tell.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";

/** `host-boot-space-pid-start-random`; none of the parts has a dash. */
interface Owner {
  readonly host: string;
  readonly boot: string;
  /** The inode of the PID namespace; {@link UNKNOWN} where the system does not tell. */
  readonly space: string;
  readonly pid: number;
  readonly start: string;
}

const UNKNOWN = "0";
const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** What a small file or link of the system says, if there is one. */
function told(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

// The 2: names of this form; those of the form before it count as another machine's.
const host = short(`2 ${hostname()}`);
const bootId = told(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
const boot = bootId === undefined ? UNKNOWN : short(bootId);
const space = told(() => readlinkSync("/proc/self/ns/pid"))?.match(/\d+/)?.[0] ?? UNKNOWN;
/** Where namespaces exist and this process cannot tell which one it is in, process numbers mean nothing. */
const knowsSpace = space !== UNKNOWN || process.platform !== "linux";

/** A new name that says that this process made it. */
export const ownerName = (): string =>
  [host, boot, space, process.pid, startOf(process.pid), randomBytes(6).toString("hex")].join("-");

/** What {@link ownerName} looks like, for patterns of longer names. */
export const OWNER_PATTERN = "[0-9a-f]{8}-[0-9a-f]{1,8}-\\d+-\\d+-\\w+-[0-9a-f]+";

function ownerOf(name: string): Owner {
  const [itsHost = "", itsBoot = "", itsSpace = "", pid, start = UNKNOWN] = name.split("-");
  return { host: itsHost, boot: itsBoot, space: itsSpace, pid: Number(pid), start };
}

const isNear = (owner: Owner): boolean =>
  owner.host === host && owner.boot === boot && owner.space === space && knowsSpace;

/**
 * Whether the process that made a name lives.
 *
 * @param seen when it last gave a sign of life, in milliseconds since 1970: the modification time of what it made
 * @param silence for how long a process that cannot be looked at may give none, in milliseconds
 */
export function isAlive(name: string, seen: number, silence: number): boolean {
  const owner = ownerOf(name);
  if (isNear(owner)) return isRunning(owner);
  // This machine has been started again since.
  if (owner.host === host && owner.boot !== boot && owner.boot !== UNKNOWN && seen < Date.now() - uptime() * 1000)
    return false;
  // A time to come is no sign of life either: whoever packed a folder can give its files any.
  return Math.abs(Date.now() - seen) < silence;
}

function isRunning({ pid, start }: Owner): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, as another user.
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now !== ENDED && (start === UNKNOWN || now === UNKNOWN || start === now);
}

const ENDED = "ended";

/**
 * When a process started, so that a reused process number is no sign of life; {@link UNKNOWN} where the system does not
 * tell, {@link ENDED} for a killed process that its parent has not yet taken note of.
 */
function startOf(pid: number): string {
  // Linux, proc_pid_stat(5): counted from behind the process name in parentheses; field 3 is the state, 22 the start.
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (stat === undefined) return UNKNOWN;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? ENDED : (fields[19] ?? UNKNOWN);
}

/** The number by which this process can look at, or signal, the one that made a name; nothing where it cannot. */
export function processOf(name: string): number | undefined {
  const owner = ownerOf(name);
  return isNear(owner) ? owner.pid : undefined;
}

/** The process that made a name, in words. */
export function ownerText(name: string): string {
  const owner = ownerOf(name);
  if (isNear(owner)) return `process ${owner.pid}`;
  const where = owner.host === host && owner.boot === boot ? "in another container" : "on another machine";
  return `process ${Number.isSafeInteger(owner.pid) ? `${owner.pid} ` : ""}${where}`;
}
