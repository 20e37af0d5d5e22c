/**
 * Errors of the operating system when a file cannot be read or written, as sentences with a remedy. The one table of such
 * sentences; each row says what is at fault (the data, the call, the machine).
 */
import { codeOf, dataError, GraftError, messageOf, usageError, workError } from "./errors.ts";
import { named } from "./text.ts";

/** The longest path that is printed in full, in characters. */
const LONGEST_PATH = 500;

/** What was being done with a file. */
export type Access = "read" | "write";

interface Row {
  readonly read: string;
  /** If writing has another remedy. */
  readonly write?: string | undefined;
  /** The machine is at fault, not the file: a file must not be skipped because of it. */
  readonly machine?: true | undefined;
}

const PERMISSION = {
  read: "this user may not read it: change its permissions",
  write: "this user may not write there: choose another folder or change its permissions",
};

const rows: Readonly<Record<string, Row>> = {
  ENOENT: { read: "it does not exist: check the path", write: "its folder does not exist: make the folder first" },
  EISDIR: {
    read: "it is a folder: give the path of a file",
    write: "a folder of that name is in the way: choose another path",
  },
  ENOTDIR: {
    read: "a part of that path is a file, not a folder: check the path",
    write: "a part of that path is a file, not a folder: choose another folder",
  },
  EEXIST: {
    read: "a file of that name is in the way: check the path",
    write: "a file of that name is in the way: choose another folder",
  },
  ENOTEMPTY: {
    read: "the folder is not empty: check the path",
    write: "the folder is not empty: choose another folder",
  },
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: { read: "the disk is read-only: choose another folder" },
  ENAMETOOLONG: { read: "the path is too long for this system: give a shorter one" },
  ELOOP: { read: "its links lead in a circle: check the links" },
  ENXIO: { read: "it is neither a file nor a folder: check the path" },
  EBUSY: { read: "another program holds it: close that program and run the same command again" },
  ETXTBSY: { read: "it is a running program: choose another path" },
  EXDEV: { read: "source and target are on different disks: choose a folder on the same disk" },
  EINVAL: { read: "the path is not valid on this system: check the path" },
  ERR_INVALID_ARG_VALUE: { read: "the path contains an invalid character: check the path" },
  ERR_FS_FILE_TOO_LARGE: {
    read: "it is larger than 2 GiB, which is more than can be read at once: give a smaller file",
  },
  EFBIG: { read: "it is too large for this file system: choose another disk" },
  ENOSPC: { read: "the disk is full: free some space and run the same command again", machine: true },
  EDQUOT: { read: "the disk quota is used up: free some space and run the same command again", machine: true },
  EMFILE: {
    read: "this process has too many files open: raise the limit (`ulimit -n 4096`) and run the same command again",
    machine: true,
  },
  ENFILE: {
    read: "this machine has too many files open: close other programs and run the same command again",
    machine: true,
  },
  ENOMEM: { read: "there is not enough memory: close other programs and run the same command again", machine: true },
  EIO: { read: "the disk reports a fault: check the disk", machine: true },
  ESTALE: { read: "the network drive lost it: connect the drive again", machine: true },
  ETIMEDOUT: { read: "the drive does not answer: check its connection", machine: true },
};

/** Why a file could not be read or written, and the remedy, for the end of a sentence (without a full stop). */
export function systemReason(error: unknown, access: Access): string {
  const row = rows[codeOf(error) ?? ""];
  if (row) return access === "write" ? (row.write ?? row.read) : row.read;
  return messageOf(error).replace(/\.$/, "");
}

/** Whether the machine is at fault (full disk, too many open files, broken drive), not the file. */
export const isMachineFault = (error: unknown): boolean => rows[codeOf(error) ?? ""]?.machine === true;

export interface ReadFailureOptions {
  /** What is at fault if the file does not exist: the call (`usage`) if it names the file, else the data. Default `data`. */
  readonly missing?: "usage" | "data" | undefined;
}

/**
 * A system error while reading, as a sentence. The data is at fault unless the machine is.
 *
 * @param called what could not be read, for a sentence: `the model a.onnx`
 */
export function readFailure(called: string, error: unknown, { missing = "data" }: ReadFailureOptions = {}): GraftError {
  const name = named(called, LONGEST_PATH);
  if (codeOf(error) === "ENOENT" && missing === "usage")
    return usageError(`There is no file ${name}: check the path.`, error);
  const message = `Could not read ${name}: ${systemReason(error, "read")}.`;
  return isMachineFault(error) ? workError(message, error) : dataError(message, error);
}

/** A system error while writing `path`, as a sentence. A GraftError is returned unchanged. */
export const writeFailure = (path: string, error: unknown): GraftError =>
  error instanceof GraftError
    ? error
    : workError(`Could not write ${named(path, LONGEST_PATH)}: ${systemReason(error, "write")}.`, error);

/** Runs the work of a public function: system errors that it throws become sentences. */
export async function inSentences<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asSentence(error);
  }
}

/** System calls that write. All others read. */
const writing =
  /^(write|mkdir|mkdtemp|rename|unlink|rmdir|rm|copyfile|cp|link|symlink|ftruncate|truncate|fsync|chmod|utime)/;

/**
 * A system error that was not translated where it occurred, as a sentence; anything else unchanged. For the entry points of the
 * library and the command line, where only the path and the system call are known.
 */
export function asSentence(error: unknown): unknown {
  if (error instanceof GraftError || !(error instanceof Error) || !("syscall" in error)) return error;
  const code = codeOf(error);
  if (code === undefined || rows[code] === undefined) return error;
  const syscall = String(error.syscall);
  const paths = ["path", "dest"].flatMap((key) => {
    const value: unknown = Reflect.get(error, key);
    return typeof value === "string" || value instanceof Uint8Array ? [named(String(value), LONGEST_PATH)] : [];
  });
  const what = paths.join(" or ") || "a file";
  const access: Access = writing.test(syscall) ? "write" : "read";
  return workError(`Could not ${access} ${what}: ${systemReason(error, access)}.`, error);
}
