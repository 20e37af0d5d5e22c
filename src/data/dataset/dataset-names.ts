/** The words for the parts of a dataset, in folders' names and in lists. */
import { endingOf, type IgnoredKind } from "./file-tree.ts";

export type Split = "train" | "validation" | "test";

const words: ReadonlyMap<string, Split> = new Map([
  ["train", "train"],
  ["training", "train"],
  ["val", "validation"],
  ["valid", "validation"],
  ["validation", "validation"],
  ["test", "test"],
  ["testing", "test"],
]);

/** In a list only: a folder may be called dev for other reasons. */
const listWords: ReadonlyMap<string, Split> = new Map([...words, ["dev", "validation"]]);

/** What people add to the word: `train_images`, `test_set`, `images-val`. */
const extra = "images?|imgs?|photos?|pictures?|set|data|dataset|split";
const decorated = new RegExp(`^(?:(?:${extra})[-_ ])?(${[...words.keys()].join("|")})(?:[-_ ]?(?:${extra}))?$`, "i");

/** The part that a folder or list of this name holds, if its name says so. */
export function splitOfName(name: string): Split | undefined {
  return words.get(decorated.exec(name)?.[1]?.toLowerCase() ?? "");
}

/** The part that a cell of a list names: undefined for an empty one, `null` where it names none. */
export function splitOfCell(cell: string): Split | undefined | null {
  const word = cell.trim().toLowerCase();
  return word === "" ? undefined : (listWords.get(word) ?? null);
}

/** Whether a folder's name says only that images are in it: `images`, `part_2`, but not `2`, which may be a class. */
export const isGenericName = (name: string): boolean =>
  /^(all|images?|imgs?|jpe?gs?|pngs?|photos?|pictures?|data|part|batch|chunk|shard|archive|files)[-_ ]?\d*$/i.test(
    name,
  );

// What a layout says of a tree: images with the names of their classes, before classes have numbers; nothing is read here.

/** A folder whose name is a class. */
export interface ClassFolder {
  readonly path: string;
  /** Composed (NFC): file systems differ in how they spell accents, the class is the same. */
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
  /** Where class folders are; none where lists give the labels. */
  readonly shelves: readonly Shelf[];
  readonly classFolders: readonly ClassFolder[];
  /** Choices that people should know of, a sentence each. */
  readonly notes: readonly string[];
  /** The folder that was looked through, because it holds everything and only folders. */
  readonly wrapper: string | undefined;
  /** Why nothing can be learned from it as it is, with the remedy. */
  readonly obstacle: string | undefined;
}

export interface Named {
  /** In the tree. */
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
  readonly group: string | undefined;
}

// What a file of a dataset is by its name, before anything is read.

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
 * What a file's ending says. An unknown ending, or none, counts as an image's: the decoder tells. The others are images only
 * where their content says so.
 */
export const fileKindOf = (name: string): FileKind => kinds.get(endingOf(name)) ?? "image";

/** Why a file that is no image is not used. */
export const notImageReason = (name: string): string =>
  fileKindOf(name) === "archive" ? "an archive inside the dataset: unpack it first" : "not an image by its ending";

// Files in datasets that are not part of them: hidden files, leftovers of systems, and Graft's own output.

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

/** Files that mark a folder as the output of a training or as a quarantine. */
const marks: ReadonlySet<string> = new Set(["graft.json", "model.onnx", "checkpoint.safetensors", "undo.json"]);

/** Whether a folder with these files was written by Graft. */
export const isOwnOutput = (files: readonly string[]): boolean => files.some((name) => marks.has(name));

export const ownOutput: Litter = { kind: "own", reason: "a folder that Graft wrote" };
