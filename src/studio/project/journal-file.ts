/**
 * The journal's file: one JSON object per line, a change or the undoing of one. Only lines of that form are read, with moves
 * between places of a project; a file with other lines is set aside, and its readable lines continue in a new one. A last line
 * that a crash cut off was never acted on and is dropped. Nothing is moved here.
 */
import { rename } from "node:fs/promises";
import { dirname } from "node:path";
import * as v from "valibot";
import { messageOf } from "../../base/errors.ts";
import { makeFolder, writeFailure, writeWhole } from "../../base/files.ts";
import { isBoundedJson } from "../../base/json-bounds.ts";
import { kindOf } from "./layout.ts";
import { openPlain, openToWrite, ownBounds } from "./own-files.ts";

/** One rename; both paths are relative to the project's folder. */
export type Move = readonly [from: string, to: string];

/** One change as the user made it. */
export interface Change {
  readonly id: string;
  /** Follows "Undo": `removing 3 images`. */
  readonly words: string;
  readonly moves: readonly Move[];
}

export type Line = { readonly change: Change } | { readonly undone: string };

/** The number of changes that can be undone. */
export const DEPTH = 100;
/** The number of moves in all of them; beyond it, the oldest changes are dropped. */
const MOST_MOVES = 400_000;
/** The maximum size of the file and of one line in bytes; Graft writes no longer ones. */
const [MOST_BYTES, LONGEST_LINE] = [512 * 2 ** 20, 128 * 2 ** 20];
/** From this size in bytes, the file is rewritten without changes that can no longer be undone. */
const COMPACT = 64 * 2 ** 20;

const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const words = v.pipe(
  v.string(),
  v.maxLength(1000),
  v.check((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)),
);
const isMove = ([from, to]: [string, string]): boolean => {
  const kinds = [kindOf(from), kindOf(to)];
  return kinds.includes("dataset") && !kinds.includes(undefined);
};
const move = v.pipe(v.strictTuple([v.string(), v.string()]), v.check(isMove));
const lineSchema: v.GenericSchema<unknown, Line> = v.union([
  v.strictObject({ change: v.strictObject({ id, words, moves: v.pipe(v.array(move), v.maxLength(MOST_MOVES)) }) }),
  v.strictObject({ undone: id }),
]);

export interface JournalFile {
  /** The changes that can be undone, the latest last. */
  changes(): readonly Change[];
  /** Writes a line to the disk. Throws GraftError if the disk refuses; the line counts only if this returns. */
  append(line: Line): Promise<void>;
  /** What was wrong with the file, as a sentence; undefined if all was well. */
  readonly damage: string | undefined;
}

export async function openJournalFile(path: string): Promise<JournalFile> {
  let { changes, size, isClean, damage } = await read(path);
  const compact = async (): Promise<void> => {
    const text = changes.map((change) => `${JSON.stringify({ change } satisfies Line)}\n`);
    await writeWhole(
      path,
      text.map((line) => Buffer.from(line)),
    );
    size = text.reduce((sum, line) => sum + line.length, 0);
  };
  if (damage !== undefined) damage += ` It was set aside as ${await setAside(path)}.`;
  if (!isClean || size > COMPACT) await compact();
  return {
    damage,
    changes: () => changes,
    async append(line) {
      const text = `${JSON.stringify(line)}\n`;
      await makeFolder(dirname(path));
      const file = await openToWrite(path, "append");
      try {
        const before = (await file.stat()).size;
        try {
          await file.appendFile(text);
          await file.sync();
        } catch (error) {
          // Half a line must not become the start of the next one.
          await file.truncate(before).catch(() => {});
          throw writeFailure(path, error);
        }
      } finally {
        await file.close();
      }
      changes = withLine(changes, line);
      size += text.length;
      if (size > COMPACT) await compact();
    },
  };
}

interface Read {
  readonly changes: readonly Change[];
  readonly size: number;
  /** Whether new lines can be appended. */
  readonly isClean: boolean;
  readonly damage: string | undefined;
}

async function read(path: string): Promise<Read> {
  let changes: readonly Change[] = [];
  let [size, damaged, isClean] = [0, 0, true];
  try {
    const file = await openPlain(path);
    if (!file) return { changes, size, isClean, damage: undefined };
    size = (await file.stat()).size;
    if (size > MOST_BYTES) {
      await file.close();
      return {
        changes,
        size: 0,
        isClean: false,
        damage: `The journal is larger than ${MOST_BYTES / 2 ** 20} MiB, so earlier changes cannot be undone.`,
      };
    }
    for await (const { bytes, isWhole } of lines(file.createReadStream())) {
      const line = isWhole ? parsed(bytes) : undefined;
      if (line) changes = withLine(changes, line);
      else if (isWhole) damaged++;
      isClean &&= isWhole;
    }
  } catch (error) {
    return { changes: [], size: 0, isClean: false, damage: `${messageOf(error)} Nothing of before can be undone.` };
  }
  if (damaged === 0) return { changes, size, isClean, damage: undefined };
  const entries = damaged === 1 ? "1 entry of the journal is" : `${damaged} entries of the journal are`;
  return {
    changes,
    size,
    isClean: false,
    damage: `${entries} damaged, or would move files that are not of this project: they cannot be undone.`,
  };
}

interface FileLine {
  /** Undefined if the line is too long. */
  readonly bytes: Buffer;
  /** The last line is complete only if it has a line break. */
  readonly isWhole: boolean;
}

async function* lines(source: AsyncIterable<Buffer>): AsyncGenerator<FileLine> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= LONGEST_LINE) parts.push(part);
    else parts = [];
  };
  const line = (isWhole: boolean): FileLine => {
    const bytes = Buffer.concat(parts);
    [parts, length] = [[], 0];
    return { bytes, isWhole };
  };
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, end));
      yield line(true);
      from = end + 1;
    }
    take(chunk.subarray(from));
  }
  if (length > 0) yield line(false);
}

function parsed(bytes: Buffer): Line | undefined {
  try {
    if (!isBoundedJson(bytes, ownBounds)) return undefined;
    const found = v.safeParse(lineSchema, JSON.parse(bytes.toString("utf8")), { abortEarly: true });
    return found.success ? found.output : undefined;
  } catch {
    return undefined;
  }
}

function withLine(changes: readonly Change[], line: Line): readonly Change[] {
  if ("undone" in line) return changes.filter((change) => change.id !== line.undone);
  const all = [...changes.filter((change) => change.id !== line.change.id), line.change].slice(-DEPTH);
  let moves = all.reduce((sum, change) => sum + change.moves.length, 0);
  // The last one stays, however large it is.
  while (moves > MOST_MOVES && all.length > 1) moves -= all.shift()!.moves.length;
  return all;
}

async function setAside(path: string): Promise<string> {
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, "");
  const aside = path.replace(/\.jsonl$/, `-damaged-${stamp}.jsonl`);
  await rename(path, aside).catch((error: unknown) => {
    throw writeFailure(path, error);
  });
  return aside;
}
