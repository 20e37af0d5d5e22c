/** What a quarantine would move, decided before anything moves: every picture that a finding would take out, once, and where it goes. */
import { join, relative, sep } from "node:path";
import { dataError, usageError } from "../../base/errors.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { type Finding, suspectsOf } from "../finding.ts";

/** One file's way. */
export interface Move {
  /** Absolute. */
  readonly from: string;
  readonly to: string;
  /** The first check that asked for it, and what it said. */
  readonly check: string;
  readonly why: string;
}

/** Fewer training pictures than this are left of no class. */
const FEWEST = 2;

/**
 * The moves that findings ask for.
 *
 * @param folder the quarantine; pictures keep their place below the dataset's folder in it
 * @param doubtful whether pictures go, too, that are only worth a look
 * @throws GraftError (`data`) where a class would be left with too little to learn from; (`usage`) for a dataset given as a list
 */
export function planMoves(
  dataset: Dataset,
  findings: readonly Finding[],
  folder: string,
  { doubtful = false }: { readonly doubtful?: boolean | undefined } = {},
): readonly Move[] {
  if (dataset.archive !== undefined)
    throw usageError(
      `${dataset.archive} is an archive, which is not changed: unpack it and give the folder to use --fix.`,
    );
  if (dataset.layout === "manifest")
    throw usageError(
      `The labels of ${dataset.root} come from a list, which would still name what was moved: take the lines that --json names out of it instead of --fix.`,
    );
  const moves = new Map<string, Move>();
  for (const finding of findings) {
    for (const { path, why, fix } of suspectsOf(finding)) {
      if (fix === "keep" || (fix === "ask" && !doubtful) || moves.has(path)) continue;
      moves.set(path, { from: path, to: join(folder, placeOf(dataset, path)), check: finding.check, why });
    }
  }
  checkWhatIsLeft(dataset, new Set(moves.keys()));
  return [...moves.values()];
}

/** The picture's place below the dataset's folder; a link out of it keeps its own name there, too. */
const placeOf = ({ root }: Dataset, path: string): string =>
  relative(root, path)
    .split(sep)
    .filter((part) => part !== "..")
    .join(sep);

function checkWhatIsLeft({ classes, examples }: Dataset, gone: ReadonlySet<string>): void {
  const isTraining = (split: string | undefined): boolean => split === undefined || split === "train";
  const left = classes.map(
    (_, label) => examples.filter((one) => one.label === label && isTraining(one.split) && !gone.has(one.path)).length,
  );
  const whole = classes.filter((_, label) => left[label]! >= FEWEST);
  if (whole.length === classes.length) return;
  const poor = left.findIndex((count) => count < FEWEST);
  const rest =
    whole.length === 1
      ? `only one class, "${whole[0]}", would be left to learn from`
      : whole.length === 0
        ? `no class would be left to learn from`
        : `"${classes[poor]}" would be left with ${left[poor]} training ${left[poor] === 1 ? "picture" : "pictures"}`;
  throw dataError(
    `Nothing was moved, because of ${examples.length} pictures ${gone.size} would go and ${rest}: fix fewer findings with --only, or add pictures.`,
  );
}
