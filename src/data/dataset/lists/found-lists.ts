/** Reads the lists in a folder together; notes lists that cannot be used. */
import { dataError, GraftError, messageOf } from "../../../base/errors.ts";
import { fileKindOf } from "../file-kinds.ts";
import type { Named } from "../named.ts";
import { type Split, splitOfName } from "../split-names.ts";
import type { Survey } from "../survey.ts";
import { baseOf, joined } from "../tree.ts";
import { type ListReading, readList } from "./read-list.ts";

/** A list that was found, and the part that its folder is. */
export interface FoundList {
  readonly path: string;
  readonly split: Split | undefined;
}

/** Lists whose names are a format's: Hugging Face's image folders, Roboflow's exports. They go before class folders. */
const formats = /^(metadata\.(csv|jsonl)|_classes\.csv)$/i;

export const isFormatList = (path: string): boolean => formats.test(baseOf(path));

/** The lists among files, in order. */
export const listsAmong = (folder: string, files: readonly string[], split?: Split): FoundList[] =>
  files.filter((name) => fileKindOf(name) === "list").map((name) => ({ path: joined(folder, name), split }));

export interface ListsReading {
  readonly named: readonly Named[];
  readonly notes: readonly string[];
  /** Paths that lists name, but that cannot be used. */
  readonly unused: readonly string[];
}

/** Reads lists that cover one dataset together; returns why the first cannot be used where none can, nothing where there is none. */
export async function readLists(
  survey: Survey,
  lists: readonly FoundList[],
): Promise<ListsReading | GraftError | undefined> {
  const { tree } = survey;
  const read: { path: string; reading: ListReading }[] = [];
  let failure: GraftError | undefined;
  for (const { path, split } of lists) {
    if (/submission/i.test(baseOf(path))) {
      survey.ignore(path, "list", "a sample submission: its labels are placeholders");
      continue;
    }
    try {
      read.push({ path, reading: await readList(survey, path, splitOfName(stemOf(path)) ?? split) });
    } catch (error) {
      if (!(error instanceof GraftError && error.kind === "data")) throw error;
      failure ??= error;
      survey.ignore(path, "list", messageOf(error).replace(/\.$/, ""));
    }
  }
  if (read.length === 0) return failure;
  const owner = new Map<string, string>();
  for (const { path, reading } of read) {
    for (const { path: image } of reading.named) {
      const other = owner.get(image);
      if (other !== undefined)
        throw dataError(
          `Both ${tree.nameOf(other)} and ${tree.nameOf(path)} list ${tree.nameOf(image)}: give the list that is right as the dataset.`,
        );
      owner.set(image, path);
    }
    for (const { path: unused, kind, reason } of reading.unused) survey.ignore(unused, kind, reason);
  }
  return {
    named: read.flatMap(({ reading }) => reading.named),
    notes: [
      `Labels come from ${read.map(({ path }) => tree.nameOf(path)).join(", ")}.`,
      ...read.flatMap(({ reading }) => reading.notes),
    ],
    unused: read.flatMap(({ reading }) => reading.unused.map(({ path }) => path)),
  };
}

const stemOf = (path: string): string => baseOf(path).replace(/\.[^.]+$/, "");
