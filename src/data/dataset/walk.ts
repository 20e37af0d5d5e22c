/**
 * Walking through folders that nobody vouches for: links that lead in circles, pipes, folders that may not be read.
 * What is passed over is listed with the reason; only hidden files and what file managers leave behind are not.
 */
import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { codeOf, messageOf } from "../../base/errors.ts";
import { sniffFile } from "../sniff.ts";

/** A file or folder that is not used, and why. */
export interface Ignored {
  readonly path: string;
  readonly reason: string;
}

/** What a folder holds, by name, in order of code points. */
export interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** Endings of files that are taken for pictures only where their content says so; the rest is left to the decoder. */
const otherKinds = new Set(
  "txt md rtf pdf doc docx json jsonl csv tsv xml yaml yml html htm css js ts py ipynb sh ini cfg log db sqlite zip gz tar mat npy pkl pt h5 onnx mp3 wav mp4 mov avi".split(
    " ",
  ),
);

const isHidden = (name: string): boolean => name.startsWith(".") || name === "Thumbs.db" || name === "desktop.ini";

/** Lists a folder, links followed. What is neither a file nor a folder goes to `ignored`. */
export async function listFolder(folder: string, ignored: Ignored[]): Promise<Listing> {
  const [folders, files]: [string[], string[]] = [[], []];
  let entries: Dirent[] = [];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    ignored.push({ path: folder, reason: `a folder that cannot be read (${codeOf(error) ?? messageOf(error)})` });
  }
  const seen = entries.filter(({ name }) => !isHidden(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of seen) {
    const path = join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
    if (kind?.isDirectory()) folders.push(entry.name);
    else if (kind?.isFile()) files.push(entry.name);
    else ignored.push({ path, reason: kind ? "neither a file nor a folder" : "a link to nothing" });
  }
  return { folders, files };
}

/**
 * Every file at any depth below a folder that may be a picture, in order.
 * A link to a folder that holds `root` or this folder would bring in other classes' pictures, and one to a folder
 * that was read before would bring in pictures twice: such links are not followed, which ends every circle too.
 */
export async function picturesBelow(folder: string, root: string, ignored: Ignored[]): Promise<string[]> {
  const homes = [await realpath(root), await realpath(folder)];
  const seen = new Set<string>();
  const visit = async (at: string): Promise<string[]> => {
    const real = await realpath(at);
    if (seen.has(real) || (at !== folder && homes.some((home) => holds(real, home)))) {
      ignored.push({ path: at, reason: "a link to a folder that is read already" });
      return [];
    }
    seen.add(real);
    const { folders, files } = await listFolder(at, ignored);
    const pictures: string[] = [];
    for (const name of files) {
      const path = join(at, name);
      if (await mayBePicture(path)) pictures.push(path);
      else ignored.push({ path, reason: "not an image by its ending" });
    }
    for (const name of folders) pictures.push(...(await visit(join(at, name))));
    return pictures;
  };
  return visit(folder);
}

const holds = (outer: string, inner: string): boolean =>
  inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);

async function mayBePicture(path: string): Promise<boolean> {
  if (!otherKinds.has(extname(path).slice(1).toLowerCase())) return true;
  return (await sniffFile(path).catch(() => undefined)) !== undefined;
}
