/**
 * What names say about a dataset: which folders and cells name splits, which endings images and lists have, and which files are not part
 * of the dataset. Also the types of a layout. Reads no files.
 */
import { endingOf, type IgnoredKind } from "./file-tree.ts";

export type Split = "train" | "validation" | "test";

const splitNames: ReadonlyMap<string, Split> = new Map([
  ["train", "train"],
  ["training", "train"],
  ["val", "validation"],
  ["valid", "validation"],
  ["validation", "validation"],
  ["test", "test"],
  ["testing", "test"],
]);

/** Only in lists: a folder may be called dev for other reasons. */
const listSplitNames: ReadonlyMap<string, Split> = new Map([...splitNames, ["dev", "validation"]]);

/** Words that people add to these names: `train_images`, `test_set`, `images-val`. */
const extra = "images?|imgs?|photos?|pictures?|set|data|dataset|split";
const decorated = new RegExp(
  `^(?:(?:${extra})[-_ ])?(${[...splitNames.keys()].join("|")})(?:[-_ ]?(?:${extra}))?$`,
  "i",
);

/** The split that a folder or list with this name holds; undefined if it is not the name of a split. */
export function splitOfName(name: string): Split | undefined {
  return splitNames.get(decorated.exec(name)?.[1]?.toLowerCase() ?? "");
}

/** The split that a cell of a list names; undefined for an empty cell, `null` for another word. */
export function splitOfCell(cell: string): Split | undefined | null {
  const word = cell.trim().toLowerCase();
  return word === "" ? undefined : (listSplitNames.get(word) ?? null);
}

/** Whether a folder's name says only that it holds images: `images`, `part_2`, but not `2`, which may be a class. */
export const isGenericName = (name: string): boolean =>
  /^(all|images?|imgs?|jpe?gs?|pngs?|photos?|pictures?|data|part|batch|chunk|shard|archive|files)[-_ ]?\d*$/i.test(
    name,
  );

// A layout: the images of a tree with the names of their classes, before classes have numbers.

/** A folder whose name is a class. */
export interface ClassFolder {
  readonly path: string;
  /** Composed (NFC): file systems encode accents differently, but the class is the same. */
  readonly name: string;
  readonly images: readonly Named[];
}

/** A folder that holds class folders. */
export interface Shelf {
  readonly folder: string;
  readonly split: Split | undefined;
}

export interface Layout {
  readonly kind: "class-folders" | "split-folders" | "manifest";
  readonly named: readonly Named[];
  /** Where class folders are; none if lists give the labels. */
  readonly shelves: readonly Shelf[];
  readonly classFolders: readonly ClassFolder[];
  /** Choices that people should know about, one sentence each. */
  readonly notes: readonly string[];
  /** The only folder at the top, if its content was read as the dataset. */
  readonly wrapper: string | undefined;
  /** Why the dataset cannot be used as it is, with the remedy. */
  readonly obstacle: string | undefined;
}

/** An image with the name of its class. */
export interface Named {
  /** The path in the tree. */
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
  readonly group: string | undefined;
}

// What a file is by its name.

export type FileKind = "image" | "list" | "archive" | "other";

const endings = (text: string): readonly string[] => text.split(" ");

const kinds: ReadonlyMap<string, FileKind> = new Map([
  ...endings("csv tsv jsonl").map((ending) => [ending, "list"] as const),
  ...endings("zip tar tgz gz bz2 xz zst 7z rar").map((ending) => [ending, "archive"] as const),
  ...endings(
    "txt md rtf pdf doc docx xlsx json parquet xml yaml yml html htm css js ts py ipynb sh ini cfg log db sqlite mat npy npz pkl pt pth h5 onnx tfrecord mp3 wav mp4 mov avi",
  ).map((ending) => [ending, "other"] as const),
]);

/**
 * The kind of a file by its ending. An unknown ending, or none, counts as an image: the decoder decides. Files of the other kinds are
 * images only if their content says so.
 */
export const fileKindOf = (name: string): FileKind => kinds.get(endingOf(name)) ?? "image";

/** Why a file that is not an image is not used. */
export const notImageReason = (name: string): string =>
  fileKindOf(name) === "archive" ? "an archive inside the dataset: unpack it first" : "not an image by its ending";

// Files that are not part of a dataset: hidden files, files that systems leave behind, and Graft's own output.

export interface Litter {
  readonly kind: IgnoredKind;
  readonly reason: string;
}

interface Rule extends Litter {
  readonly name: RegExp;
  readonly of: "any" | "folder";
}

const rules: readonly Rule[] = [
  { name: /^\./, of: "any", kind: "litter", reason: "hidden" },
  { name: /^(thumbs|ehthumbs)\.db$/i, of: "any", kind: "litter", reason: "left behind by Windows Explorer" },
  { name: /^desktop\.ini$/i, of: "any", kind: "litter", reason: "left behind by Windows Explorer" },
  { name: /^icon\r$/i, of: "any", kind: "litter", reason: "left behind by the macOS Finder" },
  { name: /^__MACOSX$/, of: "folder", kind: "litter", reason: "left behind by a macOS archive" },
  { name: /^(@eaDir|@__thumb|#recycle|#snapshot)$/, of: "folder", kind: "litter", reason: "left behind by a NAS" },
  {
    name: /^(\$RECYCLE\.BIN|System Volume Information|lost\+found)$/i,
    of: "folder",
    kind: "litter",
    reason: "a folder of the system",
  },
  { name: /^graft-(out|explain)$/i, of: "folder", kind: "own", reason: "a folder that Graft wrote" },
  { name: /-quarantine(-\d+)?$/, of: "folder", kind: "own", reason: "images that `graft audit --fix` moved aside" },
];

/** Why an entry with this name is not part of a dataset; undefined if it may be. */
export function litterOf(name: string, of: "file" | "folder"): Litter | undefined {
  return rules.find((rule) => (rule.of === "any" || rule.of === of) && rule.name.test(name));
}

/** Files that mark a folder as the output of training or as a quarantine. */
const marks: ReadonlySet<string> = new Set(["graft.json", "model.onnx", "checkpoint.safetensors", "undo.json"]);

/** Whether a folder with these files was written by Graft. */
export const isOwnOutput = (files: readonly string[]): boolean => files.some((name) => marks.has(name));

export const ownOutput: Litter = { kind: "own", reason: "a folder that Graft wrote" };
