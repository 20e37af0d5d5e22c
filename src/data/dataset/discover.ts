/**
 * Discovers a dataset: its images, classes and splits, checked for its purpose. source.ts opens folders, lists and archives;
 * read-layout.ts interprets layouts. Decodes no image.
 */

import * as v from "valibot";
import { tally } from "../../base/collections.ts";
import { dataError } from "../../base/errors.ts";
import {
  callOf,
  checked,
  checkedArgument,
  listenerEntries,
  listOf,
  oneOf,
  optionsOf,
  text,
} from "../../base/option-schemas.ts";
import type { OnProgress } from "../../base/progress.ts";
import { inSentences } from "../../base/system-errors.ts";
import { type Dataset, datasetSchema, type Example } from "./dataset.ts";
import type { Layout, Named } from "./dataset-names.ts";
import { diskPath } from "./disk-tree.ts";
import { byName } from "./file-tree.ts";
import { openSource, type Source } from "./source.ts";

export type { Dataset, Example } from "./dataset.ts";
export type { Split } from "./dataset-names.ts";
export type { Ignored, IgnoredKind } from "./file-tree.ts";

/** What a dataset is read for. */
export type Purpose = "learn" | "judge";

export interface DiscoverOptions {
  /** Default `learn`, which needs two classes of two training images each; `judge`, to evaluate a trained model, needs one image. */
  readonly purpose?: Purpose | undefined;
  /** Classes that a model knows: a single folder with such a name is a class, not a folder around the dataset. */
  readonly known?: readonly string[] | undefined;
  /** Called while an archive is unpacked. */
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the images of a dataset: a folder with one sub-folder per class; `train/`, `val/` and `test/` folders of such; a `.csv`,
 * `.tsv` or `.jsonl` with `path,label[,split][,group]`; or an archive (.zip, .tar, .tar.gz) of any of these. docs/datasets.md has
 * all layouts. No image is decoded.
 *
 * @throws GraftError (`data`), with the remedy, if there are too few images for the purpose
 */
export const discoverDataset = async (path: string, options: Purpose | DiscoverOptions = {}): Promise<Dataset> =>
  inSentences(async () => {
    checkedArgument(pathOfDataset, path, "The first argument of discoverDataset");
    const given =
      typeof options === "string"
        ? { purpose: checkedArgument(purposes, options, "The second argument of discoverDataset") }
        : options;
    const { purpose, ...rest } = checked(discoverOptions, given, callOf("discoverDataset"));
    return number(path, await openSource(path, { called: "dataset", ...rest }), purpose);
  });

const pathOfDataset = text("the path of a dataset");
const purposes = oneOf(["learn", "judge"] satisfies Purpose[]);
const { onProgress, signal } = listenerEntries;
const discoverOptions = optionsOf({
  purpose: v.optional(purposes, "learn"),
  known: v.optional(listOf(text("the name of a class"), "a list of classes")),
  onProgress,
  signal,
});

/** The dataset with the images of another one as its test part. Its own test images, if any, are left out. */
export const withTestFolder = async (
  dataset: Dataset,
  path: string,
  options: Pick<DiscoverOptions, "onProgress" | "signal"> = {},
): Promise<Dataset> =>
  inSentences(() =>
    withTest(
      checkedArgument(datasetSchema, dataset, "The first argument of withTestFolder"),
      checkedArgument(pathOfDataset, path, "The second argument of withTestFolder"),
      checked(optionsOf({ onProgress, signal }), options, callOf("withTestFolder")),
    ),
  );

async function withTest(
  dataset: Dataset,
  path: string,
  options: Pick<DiscoverOptions, "onProgress" | "signal">,
): Promise<Dataset> {
  const source = await openSource(path, { called: "test folder", known: dataset.classes, ...options });
  const { layout } = source;
  const named = testImages(layout, path);
  if (named.length === 0) throw dataError(`The test folder ${path} holds no class folders with images.`);
  const own = dataset.examples.filter(({ split }) => split !== "test");
  const learned = new Set(own.map((example) => example.path));
  const same = named.filter((one) => learned.has(diskPath(source.root, one.path))).length;
  if (same > 0)
    throw dataError(
      `${same} of the ${named.length} images of the test folder ${path} are training images: give images that take no part in training.`,
    );
  const labels = new Map(dataset.classes.map((name, label) => [name, label]));
  const test = named.map((one): Example => {
    const label = labels.get(one.className);
    if (label === undefined) throw unknownClass(one.className, "the test folder");
    return { path: diskPath(source.root, one.path), label, split: "test", group: one.group };
  });
  return {
    ...dataset,
    examples: [...own, ...test],
    ignored: [...dataset.ignored, ...source.ignored],
    notes: [...(dataset.notes ?? []), ...source.notes],
  };
}

/** The images of a dataset that is given as the test: its test part, or all of them if it has no parts. */
function testImages({ named, obstacle }: Layout, path: string): readonly Named[] {
  if (obstacle !== undefined) throw dataError(obstacle);
  const splits = new Set(named.map(({ split }) => split));
  if (splits.has("test")) return named.filter(({ split }) => split === "test");
  if (splits.size > 1 || splits.has("train"))
    throw dataError(`${path} has a train part but no test part: give the folder with the test images.`);
  return named;
}

const unknownClass = (name: string, where: string): Error =>
  dataError(
    `${where[0]!.toUpperCase()}${where.slice(1)} has a class "${name}" that the training images lack: add it there, or remove it.`,
  );

/** Checks that there are enough images for the purpose and numbers the classes. */
function number(path: string, source: Source, purpose: Purpose): Dataset {
  const { layout, ignored, notes, root, archive } = source;
  const { named } = layout;
  if (layout.obstacle !== undefined) throw dataError(layout.obstacle);
  if (named.length === 0) throw emptyError(path, source);
  const learnable = named.filter(({ split }) => split === undefined || split === "train");
  if (purpose === "learn") checkLearnable(path, layout, learnable);
  const known = purpose === "learn" ? learnable : named;
  const classes = [...new Set(known.map(({ className }) => className))].sort(byName);
  const labels = new Map(classes.map((name, label) => [name, label]));
  const examples = named.map(({ path: file, className, split, group }): Example => {
    const label = labels.get(className);
    if (label === undefined) throw unknownClass(className, `the ${split} part of ${path}`);
    return { path: diskPath(root, file), label, split, group };
  });
  const shelves = layout.shelves.map(({ folder }) => diskPath(root, folder));
  return { root: source.list ?? root, archive, classes, examples, layout: layout.kind, shelves, ignored, notes };
}

function checkLearnable(path: string, { kind, classFolders }: Layout, learnable: readonly Named[]): void {
  const classes = [...new Set(learnable.map(({ className }) => className))].sort(byName);
  const remedy =
    kind === "manifest"
      ? "list images of at least two classes"
      : "put images of at least two classes into one sub-folder each";
  if (classes.length === 0) throw dataError(`${path} has no training images: ${remedy}.`);
  if (classes.length === 1) {
    const [only] = classFolders.filter(({ name }) => name === classes[0]);
    const isDeep = only?.images.every((image) => image.path.slice(only.path.length + 1).includes("/"));
    const hint = isDeep ? `, or give its folder "${only!.path}" if the folders in it are the classes` : "";
    throw dataError(`${path} has only one class, "${classes[0]}": ${remedy}${hint}.`);
  }
  const counts = tally(learnable.map(({ className }) => className));
  for (const name of classes) {
    if (counts.get(name) === 1)
      throw dataError(`The class "${name}" has only one training image: add at least one more.`);
  }
}

function emptyError(path: string, { top, ignored }: Source): Error {
  const [first, ...others] = ignored.filter(({ kind }) => kind === "damaged" || kind === "unreadable");
  if (first)
    return dataError(
      `${path} has no images that can be used: ${first.path} is left out (${first.reason})${others.length > 0 ? `, like ${others.length} more` : ""}.`,
    );
  if (top.folders.length > 0)
    return dataError(`The sub-folders of ${path} hold no images: put the images of each class into its sub-folder.`);
  if (top.files.length > 0)
    return dataError(
      `${path} holds files but no class folders: put the images of each class into a sub-folder of its own, or add a list with path,label.`,
    );
  return dataError(`${path} is empty: put one sub-folder per class into it, with images in each.`);
}
