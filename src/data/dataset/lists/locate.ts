/**
 * Finds the file that a list names. Compares names as written, then with normalised accents (NFC, NFD), then ignoring case, then without
 * the ending; last, anywhere below the list. Accepts only a single match. Reads no file.
 */
import { groupedBy } from "../../../base/collections.ts";
import { fileKindOf, type Split, splitOfName } from "../dataset-names.ts";
import { baseOf, joined } from "../file-tree.ts";
import type { Survey } from "../survey.ts";

export type Location =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "missing" }
  | { readonly kind: "several"; readonly paths: readonly string[] };

/** Finds the file for a path in a list. If the list or row names a split, files in folders of other splits do not match. */
export type Locate = (text: string, split: Split | undefined) => Promise<Location>;

const missing: Location = { kind: "missing" };

const stemOf = (name: string): string => name.replace(/\.[^.]+$/, "");
const lower = (name: string): string => name.normalize("NFC").toLowerCase();

/** The comparisons of a name with a text, the strictest first. Only images match without their ending. */
const comparisons: readonly { readonly ofName: (name: string) => string; readonly ofText: (text: string) => string }[] =
  [
    { ofName: (name) => name, ofText: (text) => text },
    { ofName: (name) => name.normalize("NFC"), ofText: (text) => text.normalize("NFC") },
    { ofName: lower, ofText: lower },
    { ofName: (name) => (fileKindOf(name) === "image" ? lower(stemOf(name)) : ""), ofText: lower },
  ];

/** The names that match a text. */
type Match = (text: string) => readonly string[];

/** Matches names. Creates indexes on demand, so that a list as long as its folder takes one pass. */
function matcher(names: readonly string[]): Match {
  const indexes = comparisons.map(() => undefined as Map<string, string[]> | undefined);
  return (text) => {
    for (const [at, { ofName, ofText }] of comparisons.entries()) {
      indexes[at] ??= grouped(names, ofName);
      const same = indexes[at].get(ofText(text));
      if (same) return same;
    }
    return [];
  };
}

function grouped(names: readonly string[], keyOf: (name: string) => string): Map<string, string[]> {
  const groups = groupedBy(names, keyOf);
  groups.delete("");
  return groups;
}

/** Creates the search for the lists in `folder`. */
export function createLocator({ tree, listAll, searchBelow }: Survey, folder: string): Locate {
  const known = new Map<string, Promise<{ readonly folders: Match; readonly files: Match }>>();
  const namesIn = (path: string): Promise<{ readonly folders: Match; readonly files: Match }> => {
    const made =
      known.get(path) ??
      listAll(path).then(
        ({ folders, files }) => ({ folders: matcher(folders), files: matcher(files) }),
        () => ({ folders: () => [], files: () => [] }),
      );
    known.set(path, made);
    return made;
  };

  /** The file at a path from the tree's root. */
  async function at(path: string): Promise<Location> {
    const parts = path.split("/");
    let here = "";
    for (const part of parts.slice(0, -1)) {
      const [name, ...others] = (await namesIn(here)).folders(part);
      if (name === undefined || others.length > 0) return missing;
      here = joined(here, name);
    }
    return locationOf((await namesIn(here)).files(parts.at(-1)!).map((name) => joined(here, name)));
  }

  let index: Promise<Map<string, readonly string[]>> | undefined;
  /** The images below the list by name with and without the ending, in lower case. */
  async function indexed(): Promise<Map<string, readonly string[]>> {
    const paths = await searchBelow(folder);
    const byStem = grouped(paths, (path) => lower(stemOf(baseOf(path))));
    return new Map([...byStem, ...grouped(paths, (path) => lower(baseOf(path)))]);
  }

  /** The files below the list whose path ends with the text. */
  async function below(text: string, split: Split | undefined): Promise<Location> {
    const parts = text.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) return missing;
    index ??= indexed();
    const wanted = lower(parts.join("/"));
    const candidates = (await index).get(baseOf(wanted)) ?? [];
    const paths = candidates.filter((path) => {
      const own = lower(path);
      return [own, joinedStem(own)].some((one) => one === wanted || one.endsWith(`/${wanted}`)) && fits(path, split);
    });
    return locationOf(paths);
  }
  const fits = (path: string, split: Split | undefined): boolean => {
    const parts = path.slice(folder === "" ? 0 : folder.length + 1).split("/");
    const named = parts.slice(0, -1).map(splitOfName).find(Boolean);
    return split === undefined || named === undefined || named === split;
  };

  return async (text, split) => {
    // A backslash usually separates folders, but may be part of a name.
    const readings = text.includes("\\") ? [text, text.replaceAll("\\", "/")] : [text];
    for (const reading of readings) {
      const inside = tree.inside(folder, reading);
      const found = inside === undefined ? missing : await at(inside);
      if (found.kind !== "missing") return found;
      const outside = inside === undefined ? await tree.outside?.(folder, reading) : undefined;
      if (outside !== undefined) return { kind: "found", path: outside };
    }
    return below(readings.at(-1)!, split);
  };
}

const locationOf = (paths: readonly string[]): Location =>
  paths.length === 0 ? missing : paths.length === 1 ? { kind: "found", path: paths[0]! } : { kind: "several", paths };

const joinedStem = (path: string): string => path.slice(0, path.length - baseOf(path).length) + stemOf(baseOf(path));
