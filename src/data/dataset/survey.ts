/**
 * Searches an untrusted tree for images: survives circular links and unreadable folders, skips files that systems leave behind, lists
 * each folder once and notes each skipped path once with the reason. Knows no classes.
 */
import { sep } from "node:path";
import { dataError } from "../../base/errors.ts";
import { isMachineFault, readFailure, systemReason } from "../../base/system-errors.ts";
import { sniffFormat } from "../image/sniff.ts";
import { fileKindOf, isOwnOutput, litterOf, notImageReason, ownOutput } from "./dataset-names.ts";
import { type Ignored, type IgnoredKind, joined, type Listing, parentOf, type Tree } from "./file-tree.ts";

export interface Survey {
  readonly tree: Tree;
  readonly ignored: readonly Ignored[];
  /** Notes that a path is not used. */
  ignore(path: string, kind: IgnoredKind, reason: string): void;
  /** A folder's entries without litter. An unreadable folder is noted and counts as empty; only an error of the root is thrown. */
  list(folder: string): Promise<Pick<Listing, "folders" | "files">>;
  /** A folder's entries as they are. Throws if it cannot be read. */
  listAll(folder: string): Promise<Listing>;
  isReadable(folder: string): Promise<boolean>;
  /** Whether a file may be an image, by its ending or else by its content. */
  mayBeImage(file: string): Promise<boolean>;
  /** Every file at any depth below a folder that may be an image, in order; notes the others. */
  imagesBelow(folder: string): Promise<readonly string[]>;
  /** Like `imagesBelow`, without notes. */
  searchBelow(folder: string): Promise<readonly string[]>;
  /** Whether `imagesBelow` would find anything. */
  holdsImages(folder: string): Promise<boolean>;
}

export interface SurveyOptions {
  /** The most folders that one search enters; default: no limit. */
  readonly mostFolders?: number | undefined;
}

export function createSurvey(tree: Tree, { mostFolders = Number.POSITIVE_INFINITY }: SurveyOptions = {}): Survey {
  const ignored: Ignored[] = [];
  const ignore: Survey["ignore"] = (path, kind, reason) => {
    ignored.push({ path: tree.nameOf(path), kind, reason });
  };
  const listAll = remembered(tree.list);
  const identityOf = remembered(tree.identityOf);
  const list = remembered(async (folder: string) => {
    const all = await listAll(folder).catch((error: unknown) => {
      if (folder === "" || isMachineFault(error)) throw readFailure(tree.nameOf(folder), error);
      ignore(folder, "unreadable", unreadable(error));
      return { folders: [], files: [], faults: [] };
    });
    for (const { name, kind, reason } of all.faults) ignore(joined(folder, name), kind, reason);
    const isPart = (name: string, of: "file" | "folder"): boolean => {
      const litter = litterOf(name, of);
      if (litter) ignore(joined(folder, name), litter.kind, litter.reason);
      return litter === undefined;
    };
    const files = all.files.filter((name) => isPart(name, "file"));
    const folders: string[] = [];
    for (const name of all.folders.filter((one) => isPart(one, "folder"))) {
      const path = joined(folder, name);
      const own = await listAll(path).then(
        (inner) => isOwnOutput(inner.files),
        () => false,
      );
      if (own) ignore(path, ownOutput.kind, ownOutput.reason);
      else folders.push(name);
    }
    return { folders, files };
  });
  const isImageInside = remembered(async (file: string) => sniffFormat(await tree.head(file)) !== undefined);
  const mayBeImage = async (file: string): Promise<boolean> => fileKindOf(file) === "image" || isImageInside(file);

  /**
   * Creates a function that says whether a walk may enter a folder: each once, so that every circle ends. A link to a folder above would
   * add images of other classes, and a link to a folder that was already read would add its images twice.
   */
  function createEntryCheck(): (folder: string) => Promise<boolean> {
    const seen = new Set<string>();
    return async (folder) => {
      const real = await identityOf(folder);
      if (seen.has(real)) return false;
      for (let above = folder; above !== ""; ) {
        above = parentOf(above);
        if (holds(real, await identityOf(above))) return false;
      }
      seen.add(real);
      return true;
    };
  }

  const walk = remembered(async (start: string) => {
    const enter = createEntryCheck();
    const images: string[] = [];
    const others: { path: string; kind: IgnoredKind; reason: string }[] = [];
    let entered = 0;
    const visit = async (folder: string): Promise<void> => {
      if (++entered > mostFolders)
        throw dataError(`${tree.nameOf(start)} has more than ${mostFolders} folders: that is too many to search.`);
      try {
        if (!(await enter(folder))) {
          others.push({ path: folder, kind: "special", reason: "a link to a folder that is read already" });
          return;
        }
      } catch (error) {
        if (isMachineFault(error)) throw readFailure(tree.nameOf(folder), error);
        others.push({ path: folder, kind: "unreadable", reason: unreadable(error) });
        return;
      }
      const { folders, files } = await list(folder);
      for (const name of files) {
        const path = joined(folder, name);
        // No await for most files: there may be a million.
        if (fileKindOf(name) === "image" || (await isImageInside(path))) images.push(path);
        else others.push({ path, kind: "not-image", reason: notImageReason(name) });
      }
      for (const name of folders) await visit(joined(folder, name));
    };
    await visit(start);
    return { images, others };
  });
  const searchBelow = async (folder: string): Promise<readonly string[]> => (await walk(folder)).images;
  const imagesBelow = remembered(async (folder: string) => {
    const { images, others } = await walk(folder);
    for (const { path, kind, reason } of others) ignore(path, kind, reason);
    return images as readonly string[];
  });

  async function holdsImages(start: string): Promise<boolean> {
    const enter = createEntryCheck();
    const visit = async (folder: string): Promise<boolean> => {
      if (!(await enter(folder).catch(() => false))) return false;
      const { folders, files } = await list(folder);
      for (const name of files) if (await mayBeImage(joined(folder, name))) return true;
      for (const name of folders) if (await visit(joined(folder, name))) return true;
      return false;
    };
    return visit(start);
  }

  const isReadable = (folder: string): Promise<boolean> =>
    listAll(folder).then(
      () => true,
      () => false,
    );
  return { tree, ignored, ignore, list, listAll, isReadable, mayBeImage, imagesBelow, searchBelow, holdsImages };
}

/** A function that computes the result for each key once. */
function remembered<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const results = new Map<string, Promise<T>>();
  return (key) => {
    const known = results.get(key);
    if (known) return known;
    const asked = ask(key);
    results.set(key, asked);
    return asked;
  };
}

const unreadable = (error: unknown): string => `a folder that cannot be read: ${systemReason(error, "read")}`;

const holds = (outer: string, inner: string): boolean =>
  inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
