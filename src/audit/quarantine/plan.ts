/** Plans a quarantine before anything moves: each image that a finding would remove, once, and where it goes. */
import { join, relative, sep } from "node:path";
import { dataError, usageError } from "../../base/errors.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { type Finding, suspectsOf } from "../finding.ts";
import { isTraining } from "../subject.ts";

/** The move of one file. */
export interface Move {
  /** Absolute. */
  readonly from: string;
  readonly to: string;
  /** The first check that requested it, and its reason. */
  readonly check: string;
  readonly why: string;
}

/** Training images that must remain in each class. */
const FEWEST = 2;

/**
 * Plans the moves that findings request.
 *
 * @param folder the quarantine; images keep their path relative to the dataset's folder in it
 * @param doubtful whether to move images, too, that are only worth a look; default false
 * @throws GraftError (`data`) if a class would be left with too few images to learn from, (`usage`) for an archive or a list
 */
export function planMoves(
  dataset: Dataset,
  findings: readonly Finding[],
  folder: string,
  { doubtful = false }: { readonly doubtful?: boolean | undefined } = {},
): readonly Move[] {
  if (dataset.archive !== undefined)
    throw usageError(`${dataset.archive} is an archive, which --fix does not change: unpack it and pass the folder.`);
  if (dataset.layout === "manifest")
    throw usageError(
      `The labels of ${dataset.root} come from a list, which would still contain moved files: remove the lines that --json reports instead of using --fix.`,
    );
  const moves = new Map<string, Move>();
  for (const finding of findings) {
    for (const { path, why, fix } of suspectsOf(finding)) {
      if (fix === "keep" || (fix === "ask" && !doubtful) || moves.has(path)) continue;
      moves.set(path, { from: path, to: join(folder, placeOf(dataset, path)), check: finding.check, why });
    }
  }
  checkRemaining(dataset, new Set(moves.keys()));
  return [...moves.values()];
}

/** The image's path relative to the dataset's folder; `..` of a path outside it is dropped. */
const placeOf = ({ root }: Dataset, path: string): string =>
  relative(root, path)
    .split(sep)
    .filter((part) => part !== "..")
    .join(sep);

function checkRemaining({ classes, examples }: Dataset, gone: ReadonlySet<string>): void {
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
        : `"${classes[poor]}" would be left with ${left[poor]} training ${left[poor] === 1 ? "image" : "images"}`;
  throw dataError(
    `Nothing was moved, because ${gone.size} of ${examples.length} images would go and ${rest}: fix fewer findings with --only, or add images.`,
  );
}
