/** For tests only: trees of files on the disk, and what was found in them as lines of text. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import type { Dataset } from "./discover.ts";

/** Names, or names with what is in them; without, a file holds its own name. */
export type Files = readonly string[] | Readonly<Record<string, string | Uint8Array>>;

export const entriesOf = (files: Files): [string, string | Uint8Array][] =>
  Array.isArray(files)
    ? (files as readonly string[]).map((name) => [name, name])
    : Object.entries(files as Readonly<Record<string, string | Uint8Array>>);

/** A new folder with these files. */
export function lay(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), "graft-data-"));
  for (const [name, content] of entriesOf(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

/** A path below a folder, with `/`. */
export const below = (root: string, path: string): string => relative(root, path).split(sep).join("/");

/** `path class split`, a line an example. */
export const linesOf = ({ classes, examples }: Dataset, root: string): string[] =>
  examples.map(
    ({ path, label, split }) => `${below(root, path)} ${classes[label]}${split === undefined ? "" : ` ${split}`}`,
  );

/** Four images of two classes. */
export const pets = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"];
