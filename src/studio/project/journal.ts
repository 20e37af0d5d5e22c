/**
 * Every change of a project is a list of renames: removing moves into the trash, relabelling into another class. A change
 * is written down before it is made, so that undoing is the list backwards, after a crash half-way too.
 */
import { appendFile, mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, workError } from "../../base/errors.ts";
import { makeFolder, writeFailure } from "../../base/files.ts";

/** One rename, both paths relative to the project's folder. */
export type Move = readonly [from: string, to: string];

/** One change as the user made it. */
export interface Change {
  readonly id: string;
  /** Goes after "Undo": `removing 3 pictures`. */
  readonly words: string;
  readonly moves: readonly Move[];
}

type Line = { readonly change: Change } | { readonly undone: string };

export interface Journal {
  /** Writes the change down, then makes it. */
  make(change: Change): Promise<void>;
  /** Writes down what has been done already. */
  note(change: Change): Promise<void>;
  /** The change that would be undone. */
  last(): Change | undefined;
  /** Takes the last change back and yields it; nothing where there is none. */
  undo(): Promise<Change | undefined>;
}

/** So many changes can be taken back. */
const DEPTH = 100;

/** Opens the journal of a project; lines that a crash cut off are passed over. */
export async function openJournal(root: string, path: string): Promise<Journal> {
  let changes = await readChanges(path);
  const write = async (line: Line): Promise<void> => {
    await makeFolder(dirname(path));
    try {
      const file = await open(path, "a");
      try {
        await file.appendFile(`${JSON.stringify(line)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw writeFailure(path, error);
    }
  };
  const note = async (change: Change): Promise<void> => {
    await write({ change });
    changes = [...changes, change].slice(-DEPTH);
  };
  return {
    last: () => changes.at(-1),
    note,
    async make(change) {
      await note(change);
      for (const [from, to] of change.moves) await move(root, from, to);
    },
    async undo() {
      const change = changes.at(-1);
      if (!change) return undefined;
      for (const [from, to] of change.moves.toReversed()) {
        // A move that a crash prevented, or what was taken away by hand since, needs no taking back.
        if (await exists(join(root, to))) await move(root, to, from);
      }
      await write({ undone: change.id });
      changes = changes.slice(0, -1);
      return change;
    },
  };
}

async function move(root: string, from: string, to: string): Promise<void> {
  const target = join(root, to);
  if (await exists(target))
    throw workError(`Could not move ${from} to ${to}: there is a file or folder of that name by now, rename it first.`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await rename(join(root, from), target);
  } catch (error) {
    if (codeOf(error) === "ENOENT")
      throw workError(`Could not move ${from}: it is no longer there, reload the page to see what is.`, error);
    throw writeFailure(target, error);
  }
}

export const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

async function readChanges(path: string): Promise<Change[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const undone = new Set<string>();
  const changes: Change[] = [];
  const lines = text.split("\n");
  for (const written of lines) {
    const line = parsed(written);
    if (!line) continue;
    if ("undone" in line) undone.add(line.undone);
    else changes.push(line.change);
  }
  // What is appended next must begin a line of its own.
  if (lines.at(-1) !== "") await appendFile(path, "\n");
  return changes.filter(({ id }) => !undone.has(id)).slice(-DEPTH);
}

function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Line;
    return "undone" in line || Array.isArray(line.change?.moves) ? line : undefined;
  } catch {
    return undefined;
  }
}
