/** What a file of a dataset is by its name, before anything is read. */
import { endingOf } from "./tree.ts";

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
