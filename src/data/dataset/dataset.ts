/**
 * The type of a dataset, its schema and its fingerprint. `discoverDataset` returns datasets, and programs may build their own. Reads no
 * files; split.ts checks whether there are enough images for training.
 */

import { createHash } from "node:crypto";
import { relative, sep } from "node:path";
import * as v from "valibot";
import type { Schema } from "../../base/option-schemas.ts";
import { shown } from "../../base/text.ts";
import type { Layout, Split } from "./dataset-names.ts";
import type { Ignored } from "./file-tree.ts";

/** One image with its class. */
export interface Example {
  readonly path: string;
  /** Position in the dataset's classes. */
  readonly label: number;
  /** Its split, if the dataset has splits. */
  readonly split: Split | undefined;
  /** Examples with one `group` belong together (a recording, a patient, a burst): no split or fold separates them. */
  readonly group?: string | undefined;
}

/** Labelled images to train or evaluate on. */
export interface Dataset {
  /** The folder or list; for an archive, the cache folder that it was unpacked to. */
  readonly root: string;
  /** The archive, if it was unpacked from one. */
  readonly archive?: string | undefined;
  /** In alphabetical order. */
  readonly classes: readonly string[];
  readonly examples: readonly Example[];
  readonly layout: Layout["kind"];
  /** Folders that hold class folders; none if lists give the labels. */
  readonly shelves?: readonly string[] | undefined;
  /** Files and folders that are not used, with the reason. */
  readonly ignored: readonly Ignored[];
  /** Choices that were made while reading it, one sentence each. */
  readonly notes?: readonly string[] | undefined;
}

const splits: readonly (Split | undefined)[] = ["train", "validation", "test", undefined];

/** Not an object schema: that would copy every example of a dataset that may have a million. */
export const datasetSchema: Schema<Dataset> = v.pipe(
  v.custom<Dataset>(
    (value) =>
      typeof value === "object" &&
      value !== null &&
      Array.isArray(Reflect.get(value, "classes")) &&
      Array.isArray(Reflect.get(value, "examples")) &&
      typeof Reflect.get(value, "root") === "string",
    "a dataset as discoverDataset gives it",
  ),
  v.rawCheck<Dataset>(({ dataset, addIssue }) => {
    const fault = dataset.typed ? faultOf(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: `The dataset cannot be used: ${fault}.` });
  }),
);

/** The first fault, with the remedy. */
function faultOf({ classes, examples }: Dataset): string | undefined {
  const seen = new Set<unknown>();
  for (const [label, name] of classes.entries()) {
    if (typeof name !== "string" || name === "")
      return `class ${label} is called ${shown(name)}: give each class a name`;
    if (seen.has(name)) return `two classes are called ${shown(name)}: give each class a name of its own`;
    seen.add(name);
  }
  if (classes.length === 0) return "it has no classes: give the names of two at least";
  if (examples.length === 0) return "it has no examples: give images with their labels";
  for (const [at, example] of examples.entries()) {
    const fault = exampleFault(example, classes.length);
    if (fault !== undefined) return `example ${at} ${fault}`;
  }
  return undefined;
}

/** The fault of an example. JavaScript callers may pass anything. */
function exampleFault(
  example: Partial<Record<keyof Example, unknown>> | null | undefined,
  classes: number,
): string | undefined {
  if (typeof example !== "object" || example === null) return `is ${shown(example)}: give objects with path and label`;
  const { path, label, split, group } = example;
  if (typeof path !== "string" || path === "") return `has the path ${shown(path)}: give the path of an image file`;
  if (!Number.isInteger(label) || Number(label) < 0 || Number(label) >= classes)
    return `has the label ${shown(label)}, which is not one of the ${classes} classes: give a position from 0 to ${classes - 1}`;
  if (!splits.includes(split as Split)) return `has the split ${shown(split)}: give train, validation or test, or none`;
  if (group !== undefined && typeof group !== "string") return `has the group ${shown(group)}: give a text, or none`;
  return undefined;
}

/**
 * A dataset's fingerprint, which does not depend on where the folder is: SHA-256 over every example's relative path, split, class and the SHA-256 of its file.
 *
 * @param digests SHA-256 of the files by position in `examples`; a file without one counts as unreadable
 */
export function datasetDigest({ root, classes, examples }: Dataset, digests: ReadonlyMap<number, Buffer>): string {
  const lines = examples.map(({ path, label, split }, i) =>
    JSON.stringify([
      relative(root, path).split(sep).join("/"),
      split ?? "",
      classes[label],
      digests.get(i)?.toString("hex") ?? "unreadable",
    ]),
  );
  const hash = createHash("sha256");
  for (const line of lines.sort()) hash.update(`${line}\n`);
  return hash.digest("hex");
}
