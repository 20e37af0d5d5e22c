/** Checks names from outside: of classes, images and uploaded files. Never touches the disk. */
import { usageError } from "../../base/errors.ts";
import { named } from "../../base/text.ts";
import { litterOf, splitOfName } from "../../data/dataset/dataset-names.ts";

/** The maximum length of a class or file name, in bytes of UTF-8; most file systems allow 255. */
const LONGEST = 120;
/** The maximum length of an existing name, in bytes of UTF-8, on any file system with 255 UTF-16 units. */
const LONGEST_ON_DISK = 3 * 255;

/** What no file name may contain: separators, what Windows forbids, and invisible characters. */
const forbidden = /[/\\:*?"<>|\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const forbiddenAll = new RegExp(forbidden, "gu");

/** Names that Windows reserves for devices. */
const devices = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

const isFileName = (name: string): boolean =>
  name !== "" &&
  !name.startsWith(".") &&
  !/[. ]$/.test(name) &&
  !forbidden.test(name) &&
  !devices.test(name) &&
  Buffer.byteLength(name) <= LONGEST;

/**
 * A class's name as a folder name: trimmed, composed (NFC).
 *
 * @throws GraftError (`usage`) if it cannot be a folder name
 */
export function className(text: string): string {
  const name = text.normalize("NFC").trim();
  if (name === "") throw usageError("A class needs a name.");
  if (Buffer.byteLength(name) > LONGEST)
    throw usageError(`The name of a class can have at most ${LONGEST} bytes. Shorten it.`);
  if (!isFileName(name)) {
    throw usageError(
      `"${name}" is not a valid class name, because it is also a folder name: leave out / \\ : * ? " < > | and dots at the beginning and end.`,
    );
  }
  return name;
}

/** What else Windows interprets in a name: a stream after a colon, an ending that it drops, a device. */
const isWindowsTrap = (part: string): boolean => /[:*?"<>|]/.test(part) || /[. ]$/.test(part) || devices.test(part);

/**
 * Whether a text can be one part of a path to an existing file or folder, whatever its name: not hidden, and not leading out of
 * its folder.
 */
export const isPart = (part: string): boolean =>
  part !== "" &&
  !part.startsWith(".") &&
  !/[/\\\0]/.test(part) &&
  Buffer.byteLength(part) <= LONGEST_ON_DISK &&
  !(process.platform === "win32" && isWindowsTrap(part));

/**
 * The name of a new class: one that the reader of layouts takes for a class.
 *
 * @throws GraftError (`usage`) if the reader would take it for something else
 */
export function newClassName(text: string): string {
  const name = className(text);
  if (splitOfName(name) !== undefined)
    throw usageError(`"${name}" is the name of a split, not of a class: choose another name.`);
  if (litterOf(name, "folder") !== undefined)
    throw usageError(`A folder "${name}" is left out of training: choose another name for the class.`);
  return name;
}

/**
 * The parts of an image's id.
 *
 * @throws GraftError (`usage`) if it leads out of the project or to something hidden
 */
export function idParts(id: string): string[] {
  const parts = id.split("/");
  if (parts.length < 2 || !parts.every(isPart)) throw usageError(`The project has no image "${named(id)}".`);
  return parts;
}

/** A valid name for an uploaded file: its own if it is valid, otherwise what is left of it. */
export function fileName(offered: string, ending: string): string {
  const base = offered.split(/[/\\]/).at(-1)!.normalize("NFC").replaceAll(forbiddenAll, "_");
  const [, stem = "", own = ""] = /^(.*?)(\.[A-Za-z0-9]{1,5})?$/s.exec(base.replace(/^[. ]+/, "").trim()) ?? [];
  let short = [...stem.replace(/[. ]+$/, "")].slice(0, LONGEST).join("");
  while (Buffer.byteLength(short) > LONGEST - 10) short = [...short].slice(0, -1).join("");
  const name = `${short === "" ? "picture" : short}${own === "" ? `.${ending}` : own}`;
  return isFileName(name) ? name : `picture-${name.replaceAll(/[^A-Za-z0-9.]/g, "_")}`;
}

/** The first free name with a number: `bee.jpg`, `bee-2.jpg`, `bee-3.jpg`. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let i = 2; ; i++) {
    const next = `${stem}-${i}${ending}`;
    if (!isTaken(next)) return next;
  }
}
