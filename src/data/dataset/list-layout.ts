/** The layout of a folder whose labels come from lists in it: splits by folder names, and notes on images that no list names. */
import type { GraftError } from "../../base/errors.ts";
import type { ListsReading } from "./lists/found-lists.ts";
import type { Layout } from "./named.ts";
import { splitOfName } from "./split-names.ts";
import type { Survey } from "./survey.ts";
import { joined } from "./tree.ts";

/** The layout from lists; undefined without lists. */
export async function listLayout(
  survey: Survey,
  at: string,
  read: ListsReading | GraftError | undefined,
): Promise<Layout | undefined> {
  if (read === undefined || read instanceof Error) return undefined;
  const named = read.named.map((one) => ({ ...one, split: one.split ?? splitOfName(topOf(at, one.path) ?? "") }));
  await noteUnlisted(survey, at, new Set([...read.named.map(({ path }) => path), ...read.unused]));
  return {
    kind: "manifest",
    named,
    shelves: [],
    classFolders: [],
    notes: read.notes,
    wrapper: undefined,
    obstacle: undefined,
  };
}

/** Notes, folder by folder, how many images no list names. */
export async function noteUnlisted(survey: Survey, at: string, listed: ReadonlySet<string>): Promise<void> {
  const counts = new Map<string, number>();
  for (const path of await survey.searchBelow(at)) {
    const folder = joined(at, topOf(at, path) ?? "");
    if (!listed.has(path)) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  for (const [folder, count] of counts)
    survey.ignore(
      folder.replace(/\/$/, ""),
      "unlabelled",
      `${count} image${count === 1 ? "" : "s"} that no list names, so without a label`,
    );
}

/** The folder of `at` that a path below it is in; nothing for a file in `at` itself. */
function topOf(at: string, path: string): string | undefined {
  const [top, ...rest] = path.slice(at === "" ? 0 : at.length + 1).split("/");
  return rest.length > 0 ? top : undefined;
}
