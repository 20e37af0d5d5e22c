/** The words for the parts of a dataset, in folders' names and in lists. */

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
