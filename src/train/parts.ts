/** Splitting a dataset's readable images into training, validation and test, with their features. Nothing is fitted here. */
import { dataError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import { checkEnough } from "../data/enough.ts";
import { stratifiedSplit } from "../data/split.ts";
import type { Extraction } from "./features/extract.ts";
import type { RowTable } from "./features/table.ts";
import { countLabels } from "./head/fit.ts";

/** Pictures with their features, labels, and the SHA-256 of their files, row by row. */
export interface Part {
  readonly examples: readonly Example[];
  readonly digests: readonly Buffer[];
  readonly table: RowTable;
  readonly labels: Int32Array;
  /** The group of each row: rows of one group belong together. */
  readonly groups: Int32Array;
}

export interface Parts {
  readonly train: Part;
  readonly validation: Part | undefined;
  readonly test: Part;
  readonly testSource: "folder" | "held-out";
  /**
   * Rows of the test part that have a member of their group in training or validation: in a given test part, or of a class that is one
   * group, which was divided.
   */
  readonly straddling: readonly number[];
}

/** The share of the pictures that is held out for the test where the dataset has no test folder. */
export const HELD_OUT_SHARE = 0.2;

/**
 * Splits the readable images into train, validation and test; holds out a test where the dataset has none.
 *
 * @param groups the group of each row of the extraction's table
 */
export function partition(
  { examples, classes }: Dataset,
  { kept, table, digests }: Extraction,
  groups: Int32Array,
  random: Random,
): Parts {
  const rowsOf = (wanted: (split: Example["split"]) => boolean): number[] =>
    kept.flatMap((item, row) => (wanted(examples[item]!.split) ? [row] : []));
  const rows = rowsOf((split) => split === "train" || split === undefined);
  const validation = rowsOf((split) => split === "validation");
  const test = rowsOf((split) => split === "test");
  const part = (chosen: readonly number[]): Part => ({
    examples: chosen.map((row) => examples[kept[row]!]!),
    digests: chosen.map((row) => digests.get(kept[row]!)!),
    table: table.select(chosen),
    labels: Int32Array.from(chosen, (row) => examples[kept[row]!]!.label),
    groups: Int32Array.from(chosen, (row) => groups[row]!),
  });
  if (kept.length === 0)
    throw dataError(
      `None of the ${examples.length} images could be read: check that they are JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP files.`,
    );
  const given = examples.filter(({ split }) => split === "test").length;
  if (given > 0 && test.length === 0)
    throw dataError(
      `None of the ${given} test images could be read: check that they are images, or leave the test part out.`,
    );
  const split = test.length > 0 ? { kept: rows, held: test } : holdOut(rows, part(rows), random);
  if (split.held.length === 0)
    throw dataError(
      "No images could be held out for the test without dividing a group of copies or a recording: add images of other scenes, or give a test part of its own.",
      undefined,
      "too-few-images",
    );
  const train = part(split.kept);
  // Files that cannot be read may have left too few.
  checkEnough(countLabels(part(rows).labels, classes.length), classes, {
    hasTest: test.length > 0,
    hasValidation: validation.length > 0,
    finetunes: false,
    isRead: true,
  });
  const known = new Set([...split.kept, ...validation].map((row) => groups[row]!));
  const tested = part(split.held);
  return {
    train,
    validation: validation.length > 0 ? part(validation) : undefined,
    test: tested,
    testSource: test.length > 0 ? "folder" : "held-out",
    straddling: [...tested.groups.keys()].filter((row) => known.has(tested.groups[row]!)),
  };
}

function holdOut(
  rows: readonly number[],
  { labels, groups }: Part,
  random: Random,
): { kept: number[]; held: number[] } {
  const { kept, held } = stratifiedSplit(labels, HELD_OUT_SHARE, random, groups);
  return { kept: kept.map((i) => rows[i]!), held: held.map((i) => rows[i]!) };
}

/** The same parts with other tables, such as some columns of theirs. */
export function withTables(parts: Parts, tableOf: (table: RowTable) => RowTable): Parts {
  const own = (part: Part): Part => ({ ...part, table: tableOf(part.table) });
  const { train, validation, test } = parts;
  return { ...parts, train: own(train), validation: validation && own(validation), test: own(test) };
}

/** Some rows of a part. */
export function selected({ examples, digests, table, labels, groups }: Part, rows: readonly number[]): Part {
  return {
    examples: rows.map((row) => examples[row]!),
    digests: rows.map((row) => digests[row]!),
    table: table.select(rows),
    labels: Int32Array.from(rows, (row) => labels[row]!),
    groups: Int32Array.from(rows, (row) => groups[row]!),
  };
}
