/** Asks the server which class and split files belong to before it sends them, and asks the user when the server cannot tell. */
import { signal } from "@preact/signals";
import type { ArrangementRequest } from "../../src/studio/api.ts";
import type { Offer } from "./offers.ts";
import { server } from "./server.ts";

/** A file with its class and split. */
export interface Placed {
  readonly file: File;
  readonly className: string;
  readonly part: "train" | "validation" | "test";
}

export interface Arranged {
  readonly placed: readonly Placed[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly notes: readonly string[];
}

export type Answer = NonNullable<ArrangementRequest["folderIs"]>;

/** The open question: is a single folder of folders one class, or one class per folder? */
export const folderQuestion = signal<{
  readonly folder: string;
  readonly classes: readonly string[];
  /** Without an answer, nothing is sent. */
  readonly reply: (answer: Answer | undefined) => void;
} | null>(null);

/** The most bytes of list files (CSV, TSV, JSONL) that are sent along; they are part of one JSON body. */
const LIST_BYTES = 8 * 2 ** 20;

/** Where files belong; undefined if the user cancels. */
export async function arrangementOf(
  offers: readonly Offer[],
  loose: string | undefined,
): Promise<Arranged | undefined> {
  const request: ArrangementRequest = {
    paths: offers.map(({ path }) => path),
    lists: await listsOf(offers),
    ...(loose === undefined ? {} : { loose }),
  };
  let answer = await server.arrange(request);
  if (answer.kind === "question") {
    const { folder, classes } = answer;
    // One question at a time: a new one cancels the previous one.
    folderQuestion.value?.reply(undefined);
    const folderIs = await new Promise<Answer | undefined>((reply) => {
      folderQuestion.value = { folder, classes, reply };
    });
    folderQuestion.value = null;
    if (folderIs === undefined) return undefined;
    answer = await server.arrange({ ...request, folderIs });
    if (answer.kind === "question") throw new Error("The studio repeats the same question. Reload the page.");
  }
  const placed = answer.places.flatMap((place, at) =>
    place ? [{ file: offers[at]!.file, className: place.class, part: place.part }] : [],
  );
  return { placed, skipped: answer.skipped, notes: answer.notes };
}

async function listsOf(offers: readonly Offer[]): Promise<ArrangementRequest["lists"]> {
  const lists: { path: string; base64: string }[] = [];
  let bytes = 0;
  for (const { file, path } of offers) {
    if (!/\.(csv|tsv|jsonl)$/i.test(path) || bytes + file.size > LIST_BYTES || lists.length >= 100) continue;
    bytes += file.size;
    lists.push({ path, base64: await base64Of(file) });
  }
  return lists;
}

const base64Of = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
