/**
 * The input of a training on any platform: labelled images, settings, and the split into training, validation and test with their features.
 * Fits nothing.
 */

import { dataError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Split } from "../data/dataset/dataset-names.ts";
import { checkEnough } from "../data/dataset/enough.ts";
import { stratifiedSplit } from "../data/dataset/split.ts";
import type { Network } from "../networks/network.ts";
import type { Listening } from "./environment.ts";
import type { RowTable } from "./features/feature-table.ts";
import type { Features } from "./features/fill-records.ts";
import type { ImageSource, KnownImage } from "./features/images-and-records.ts";
import type { FinetuneOptions } from "./finetune/finetune-contract.ts";
import type { EpochRecord } from "./finetune/training-loop.ts";
import { countLabels } from "./head/fit.ts";
import type { Effort } from "./option-entries.ts";

/** An image with its class. */
export interface TrainExample {
  readonly source: ImageSource;
  /** Index of the class. */
  readonly label: number;
  /** No split separates the examples of one group (a recording, a patient, a burst). Copies are found automatically. */
  readonly group?: string | undefined;
  /** Default: any part. */
  readonly split?: Split | undefined;
}

export interface TrainingSet {
  readonly classes: readonly string[];
  readonly examples: readonly TrainExample[];
}

export interface TrainSettings extends Listening {
  readonly network: Network;
  /** The same seed gives the same split, folds, batches, views and weights. */
  readonly seed: number;
  readonly classWeights: "none" | "balanced";
  readonly effort: Effort;
  /** Also trains stages of the network. Default: the head alone. */
  readonly finetune?: FinetuneOptions | undefined;
  /** What a set without a test part is tested on: held-out images, or `none`, so that all images train the model. */
  readonly test: "held-out" | "none";
  /** Called with a sentence for each choice made and each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of fine-tuning, once it has been validated. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
}

/** Images with their features and labels, row by row. */
export interface DataPart {
  /** Positions in the set. */
  readonly places: readonly number[];
  readonly images: readonly KnownImage[];
  readonly table: RowTable;
  readonly labels: Int32Array;
  /** The group of each row: rows of one group belong together. */
  readonly groups: Int32Array;
}

export interface Parts {
  readonly train: DataPart;
  readonly validation: DataPart | undefined;
  readonly test: TestPart | undefined;
}

export interface TestPart extends DataPart {
  readonly source: "folder" | "held-out";
  /**
   * Rows whose group also has members in training or validation. This occurs in a given test part, and if a class is a single group, which
   * must be divided.
   */
  readonly straddling: readonly number[];
}

/** The share of the images held out for the test if the set has no test part. */
export const HELD_OUT_SHARE = 0.2;

/**
 * Splits the readable images into train, validation and test.
 *
 * @param groups the group of each row of the feature table
 * @param policy what a set without a test part is tested on
 */
export function partition(
  { examples, classes }: TrainingSet,
  { kept, table, digests }: Pick<Features, "kept" | "table" | "digests">,
  groups: Int32Array,
  random: Random,
  policy: TrainSettings["test"] = "held-out",
): Parts {
  const rowsOf = (wanted: (split: TrainExample["split"]) => boolean): number[] =>
    kept.flatMap((item, row) => (wanted(examples[item]!.split) ? [row] : []));
  const rows = rowsOf((split) => split === "train" || split === undefined);
  const validation = rowsOf((split) => split === "validation");
  const test = rowsOf((split) => split === "test");
  const part = (chosen: readonly number[]): DataPart => ({
    places: chosen.map((row) => kept[row]!),
    images: chosen.map((row) => ({ source: examples[kept[row]!]!.source, digest: digests[kept[row]!]! })),
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
  const wantsTest = test.length > 0 || policy === "held-out";
  const split = !wantsTest || test.length > 0 ? { kept: rows, held: test } : holdOut(rows, part(rows), random);
  if (wantsTest && split.held.length === 0)
    throw dataError(
      "No images could be held out for the test without dividing a group of copies or a recording: add images of other scenes, or give a test part of its own.",
      undefined,
      "too-few-images",
    );
  const train = part(split.kept);
  // Unreadable files may leave too few images.
  checkEnough(countLabels(part(rows).labels, classes.length), classes, {
    hasTest: test.length > 0 || !wantsTest,
    hasValidation: validation.length > 0,
    finetunes: false,
    isRead: true,
  });
  const known = new Set([...split.kept, ...validation].map((row) => groups[row]!));
  const tested = part(split.held);
  return {
    train,
    validation: validation.length > 0 ? part(validation) : undefined,
    test: wantsTest
      ? {
          ...tested,
          source: test.length > 0 ? "folder" : "held-out",
          straddling: [...tested.groups.keys()].filter((row) => known.has(tested.groups[row]!)),
        }
      : undefined,
  };
}

function holdOut(
  rows: readonly number[],
  { labels, groups }: DataPart,
  random: Random,
): { kept: number[]; held: number[] } {
  const { kept, held } = stratifiedSplit(labels, HELD_OUT_SHARE, random, groups);
  return { kept: kept.map((i) => rows[i]!), held: held.map((i) => rows[i]!) };
}

/** The same parts with other tables, such as some of their columns. */
export function withTables({ train, validation, test }: Parts, tableOf: (table: RowTable) => RowTable): Parts {
  const own = <P extends DataPart>(part: P): P => ({ ...part, table: tableOf(part.table) });
  return { train: own(train), validation: validation && own(validation), test: test && own(test) };
}

/** Some rows of a part. */
export function selected({ places, images, table, labels, groups }: DataPart, rows: readonly number[]): DataPart {
  return {
    places: rows.map((row) => places[row]!),
    images: rows.map((row) => images[row]!),
    table: table.select(rows),
    labels: Int32Array.from(rows, (row) => labels[row]!),
    groups: Int32Array.from(rows, (row) => groups[row]!),
  };
}
