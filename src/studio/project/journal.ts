/**
 * Makes and undoes the changes of a project. Every change is a list of renames: removing moves into the trash, relabelling into
 * another class. A change is checked, written down, and then made, so that undo is the list backwards, even after a crash
 * half-way. Every path is resolved first (layout.ts): a journal moves nothing outside of the project.
 */
import { lstat, mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, usageError, workError } from "../../base/errors.ts";
import { writeFailure } from "../../base/files.ts";
import { named } from "../../base/text.ts";
import { type Change, type Move, openJournalFile } from "./journal-file.ts";
import { type FindPlace, isTaken, placesIn } from "./layout.ts";

export type { Change, Move } from "./journal-file.ts";

/** The result of an undo. */
export interface Undone {
  readonly words: string;
  /** Files and folders that were moved back, or were back already. */
  readonly restored: number;
  /** Those that no longer exist, because they were removed outside of the studio. */
  readonly missing: number;
}

export interface Journal {
  /** Writes the change down, then makes it as a whole or not at all. */
  make(change: Change): Promise<void>;
  /** Writes down a change that has already been made. */
  note(change: Change): Promise<void>;
  /** The change that would be undone. */
  last(): Change | undefined;
  /**
   * Undoes the last change as a whole or not at all; undefined if there is none.
   *
   * @param id of the change to undo
   * @throws GraftError (`work`) if that is not the last one, or if the name of a restored file is in use
   */
  undo(id?: string): Promise<Undone | undefined>;
  /** What was wrong with the journal's file when it was opened. */
  readonly damage: string | undefined;
}

/** Opens the journal of a project. */
export async function openJournal(root: string, path: string): Promise<Journal> {
  const file = await openJournalFile(path);
  return {
    damage: file.damage,
    last: () => file.changes().at(-1),
    note: (change) => file.append({ change }),
    async make(change) {
      const steps = await planned(placesIn(root), change.moves);
      await file.append({ change });
      try {
        await moveAll(steps);
      } catch (error) {
        // The first failure is reported; without this line, undo finds nothing to move.
        await file.append({ undone: change.id }).catch(() => {});
        throw error;
      }
    },
    async undo(id) {
      const change = file.changes().at(-1);
      if (id !== undefined && change?.id !== id) {
        const isKnown = file.changes().some((one) => one.id === id);
        throw workError(
          isKnown
            ? `There is a later change. Undo ${change!.words} first.`
            : "This change was already undone, or is too old.",
        );
      }
      if (!change) return undefined;
      const { steps, back, missing } = await plannedBack(placesIn(root), change);
      await moveAll(steps);
      await file.append({ undone: change.id });
      return { words: change.words, restored: steps.length + back, missing };
    },
  };
}

/** One rename by paths on the disk, with a description. */
interface Step {
  readonly from: string;
  readonly to: string;
  readonly move: Move;
}

/** Checks that every move can be made. */
async function planned(place: FindPlace, moves: readonly Move[]): Promise<Step[]> {
  const steps: Step[] = [];
  const targets = new Set<string>();
  for (const move of moves) {
    const [from, to] = [await place(move[0]), await place(move[1])];
    if (!(await isTaken(from))) throw gone(move[0]);
    if (targets.has(to) || (await isOther(from, to))) throw inTheWay(move);
    targets.add(to);
    steps.push({ from, to, move });
  }
  return steps;
}

/** The moves that undo a change. A crash or someone outside of the studio may have made some already. */
async function plannedBack(
  place: FindPlace,
  { words, moves }: Change,
): Promise<{ readonly steps: readonly Step[]; readonly back: number; readonly missing: number }> {
  const steps: Step[] = [];
  const conflicts: string[] = [];
  let [back, missing] = [0, 0];
  for (const [to, from] of moves.toReversed()) {
    const step: Step = { from: await place(from), to: await place(to), move: [from, to] };
    const [isThere, isBack] = [await isTaken(step.from), await isTaken(step.to)];
    if (!isThere && isBack) back++;
    else if (!isThere) missing++;
    else if (isBack && (await isOther(step.from, step.to))) conflicts.push(to);
    else steps.push(step);
  }
  const [first] = conflicts;
  if (first !== undefined) {
    const others = conflicts.length > 1 ? ` and ${conflicts.length - 1} more names are` : " is";
    throw workError(
      `Could not undo ${words}: “${named(first)}”${others} in use again. Rename or move that file first.`,
    );
  }
  return { steps, back, missing };
}

/** Makes all moves or none: if one fails, the earlier ones are reverted. */
async function moveAll(steps: readonly Step[]): Promise<void> {
  const made: Step[] = [];
  try {
    for (const step of steps) {
      await makeMove(step);
      made.push(step);
    }
  } catch (error) {
    for (const { from, to } of made.toReversed()) {
      if (!(await isTaken(from))) await rename(to, from).catch(() => {});
    }
    throw error;
  }
}

async function makeMove({ from, to, move }: Step): Promise<void> {
  if (await isOther(from, to)) throw inTheWay(move);
  try {
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  } catch (error) {
    throw codeOf(error) === "ENOENT" ? gone(move[0]) : writeFailure(to, error);
  }
}

const gone = (path: string): Error =>
  usageError(`Could not move “${named(path)}”: it no longer exists. Reload the page.`);

const inTheWay = ([from, to]: Move): Error =>
  workError(
    `Could not move “${named(from)}” to “${named(to)}”: a file or folder with that name now exists. Rename it first.`,
  );

/** Whether something else has the name `to`. On file systems that ignore case, a folder's new name may be its old one. */
async function isOther(from: string, to: string): Promise<boolean> {
  const other = await statOf(to);
  if (!other) return false;
  const one = await statOf(from);
  return !(folded(from) === folded(to) && one?.ino === other.ino && one.dev === other.dev);
}

/** Equal for names that are the same on a file system which ignores case and composition. */
const folded = (path: string): string => path.normalize("NFC").toLowerCase();

const statOf = (path: string) => lstat(path, { bigint: true }).catch(() => undefined);
