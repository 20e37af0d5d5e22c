/**
 * Opens HDF5 files: reads the superblock, then every group and dataset below the root. The names have no meaning here.
 *
 * This is Graft's own reader of a small part of the format, because a few wrong bytes make the C library (as WebAssembly, `h5wasm`) loop
 * forever or allocate gigabytes (measured: docs/dependencies.md).
 */
import { dataError } from "../../../base/errors.ts";
import type { Ranges } from "../ranges.ts";
import { readTexts } from "./attributes.ts";
import { type Dataset, readDataset } from "./dataset.ts";
import { readLinks } from "./group.ts";
import { damaged, type MetadataReader, metadataReader, unsupported } from "./metadata.ts";
import { type Message, readObject } from "./object-header.ts";

/** The first bytes of every HDF5 file. */
export const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** The deepest nesting of groups; Keras nests models in models, but far less. */
const MAX_DEPTH = 32;

/** A group with its direct members by name. */
export interface Group {
  readonly groups: ReadonlyMap<string, Group>;
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** The texts of an attribute; undefined if there is none of that name. */
  texts(attribute: string): Promise<readonly string[] | undefined>;
}

/**
 * Reads the tree of groups and datasets, without their values.
 *
 * @throws GraftError (`data`) if the file is damaged, or uses parts of HDF5 that Keras does not use
 */
export async function readHdf5(ranges: Ranges): Promise<Group> {
  const file = metadataReader(ranges);
  const seen = new Set<number>();
  let stored = 0;

  const groupOf = async (messages: readonly Message[], path: string, depth: number): Promise<Group> => {
    const groups = new Map<string, Group>();
    const datasets = new Map<string, Dataset>();
    for (const [name, address] of (await readLinks(file, messages)) ?? []) {
      const inner = `${path}/${name}`;
      file.spend(inner.length);
      if (groups.has(name) || datasets.has(name)) throw damaged(file.path, `"${inner}" is there twice`);
      if (seen.has(address)) throw damaged(file.path, `"${inner}" is also elsewhere in it, or contains itself`);
      seen.add(address);
      if (depth === MAX_DEPTH) throw damaged(file.path, `it has more than ${MAX_DEPTH} groups inside each other`);
      const members = await readObject(file, address);
      const dataset = readDataset(file, members, inner);
      if (dataset) {
        stored += dataset.length;
        if (stored > file.size) throw damaged(file.path, "its datasets share their bytes");
        datasets.set(name, dataset);
      } else groups.set(name, await groupOf(members, inner, depth + 1));
    }
    return { groups, datasets, texts: (attribute) => readTexts(file, messages, attribute) };
  };

  const root = await readRoot(file);
  seen.add(root);
  return groupOf(await readObject(file, root), "", 0);
}

/** The address of the root group's object header, from the superblock. Section II.A. */
async function readRoot(file: MetadataReader): Promise<number> {
  const cursor = await file.at(0, Math.min(96, file.size), "the superblock");
  if (!SIGNATURE.every((byte) => cursor.left > 0 && cursor.u8() === byte))
    throw dataError(`${file.path} is not an HDF5 file: its first bytes are different.`);
  const version = cursor.u8();
  const old = version === 0 || version === 1;
  if (!old && version !== 2 && version !== 3) throw unsupported(file.path, `a superblock of version ${version}`);
  const [offsetSize, lengthSize] = old ? [cursor.skip(4).u8(), cursor.u8()] : [cursor.u8(), cursor.u8()];
  if (offsetSize !== 8 || lengthSize !== 8) throw unsupported(file.path, "addresses of other than 8 bytes");
  cursor.at = version === 0 ? 24 : version === 1 ? 28 : 12;
  if (cursor.address() !== 0) throw unsupported(file.path, "something before its beginning");
  // Old: free space, end, driver, then the root's symbol (offset of its name, address). New: extension, end, address.
  const root = cursor.skip(old ? 32 : 16).address();
  if (root === undefined) throw damaged(file.path, "it has no root group");
  return root;
}
