/**
 * Opens HDF5 files: reads the superblock, then every group and dataset below the root. Names have no meaning here.
 *
 * This is Graft's own reader of a small part of the format, because a few wrong bytes make the C library (as WebAssembly, `h5wasm`) loop
 * forever or allocate gigabytes (measured: docs/dependencies.md).
 */
import { dataError } from "../../base/errors.ts";
import type { Ranges } from "../weight-file.ts";
import { type Cursor, damaged, type MetadataReader, metadataReader, unsupported } from "./hdf5-bytes.ts";
import { type Dataset, readDataset, readTexts } from "./hdf5-dataset.ts";
import { type Message, messageTypes, readObject } from "./hdf5-object.ts";

/** The first bytes of every HDF5 file. */
export const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** The deepest nesting of groups; Keras nests models in models, but far less. */
const MAX_DEPTH = 32;

/** A group with its direct members by name. */
export interface Group {
  readonly groups: ReadonlyMap<string, Group>;
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** The texts of an attribute; undefined if there is no such attribute. */
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
      if (groups.has(name) || datasets.has(name)) throw damaged(file.path, `"${inner}" occurs twice`);
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

// Groups: the names of their members with the members' addresses. There are two kinds: symbol tables (a B-tree of version 1 and a heap of
// names, h5py's default) and link messages in the object header. HDF5 File Format Specification 3.0, sections III.A, III.B, III.D and
// IV.A.2.g.

/** A member of a group: its name, and the address of its object header. */
export type Link = readonly [name: string, address: number];

/** The deepest B-tree; a few levels suffice for billions of entries. */
const MAX_INDEX_DEPTH = 16;
const SYMBOL = 40;
const utf8 = new TextDecoder();
const SOFT_LINK = 2;

/** The members of a group in the file's order; undefined if the object is not a group. */
export async function readLinks(
  file: MetadataReader,
  messages: readonly Message[],
): Promise<readonly Link[] | undefined> {
  const contents = (type: number): Cursor[] => messages.filter((m) => m.type === type).map((m) => m.contents);
  const [table] = contents(messageTypes.symbolTable);
  if (table) return readSymbolTable(file, table.address(), table.address());
  const [info] = contents(messageTypes.linkInfo);
  if (!info) return undefined;
  const flags = info.skip(1).u8();
  if (flags & 1) info.skip(8);
  if (info.address() !== undefined) throw unsupported(file.path, "a group with an indexed list of links");
  return contents(messageTypes.link).map((link) => readLink(file, link));
}

function readLink(file: MetadataReader, link: Cursor): Link {
  const flags = link.skip(1).u8();
  const type = flags & 8 ? link.u8() : 0;
  if (type !== 0) throw unsupported(file.path, "a link to another place or file");
  if (flags & 4) link.skip(8);
  if (flags & 16) link.skip(1);
  const name = link.text(link.uint(1 << (flags & 3)));
  const address = link.address();
  if (address === undefined) throw damaged(file.path, `"${name}" has no address`);
  return [name, address];
}

async function readSymbolTable(
  file: MetadataReader,
  tree: number | undefined,
  heap: number | undefined,
): Promise<readonly Link[]> {
  if (tree === undefined || heap === undefined) throw damaged(file.path, "a group has no list of members");
  const names = await readNames(file, heap);
  const links: Link[] = [];
  for (const leaf of await readLeaves(file, tree, 0)) {
    const head = await file.at(leaf, 8, "a list of names");
    if (!head.signature("SNOD")) throw damaged(file.path, `there is no list of names at byte ${leaf}`);
    const count = head.skip(2).u16();
    const symbols = await file.at(leaf + 8, count * SYMBOL, "a list of names");
    for (let i = 0; i < count; i++) {
      const symbol = symbols.part(SYMBOL);
      const [offset, address, kind] = [symbol.u64(), symbol.address(), symbol.u32()];
      const name = names(offset);
      if (kind === SOFT_LINK) throw unsupported(file.path, `a link to another place ("${name}")`);
      if (address === undefined) throw damaged(file.path, `"${name}" has no address`);
      links.push([name, address]);
    }
  }
  return links;
}

/** Reads a local heap: names by their offset. */
async function readNames(file: MetadataReader, address: number): Promise<(offset: number) => string> {
  const head = await file.at(address, 32, "a heap of names");
  if (!head.signature("HEAP")) throw damaged(file.path, `there is no heap of names at byte ${address}`);
  const length = head.skip(4).u64();
  const at = head.skip(8).address();
  if (at === undefined) throw damaged(file.path, "a heap of names has no address");
  const { bytes } = await file.at(at, length, "a heap of names");
  return (offset) => {
    const end = offset < length ? bytes.indexOf(0, offset) : -1;
    if (end < 0) throw damaged(file.path, "a name is outside its heap");
    file.spend(end - offset);
    return utf8.decode(bytes.subarray(offset, end));
  };
}

/** The addresses of a B-tree's leaves, left to right. */
async function readLeaves(file: MetadataReader, address: number, depth: number): Promise<readonly number[]> {
  const head = await file.at(address, 24, "an index of names");
  if (!head.signature("TREE") || head.u8() !== 0)
    throw damaged(file.path, `there is no index of names at byte ${address}`);
  const [level, count] = [head.u8(), head.u16()];
  if (depth > MAX_INDEX_DEPTH) throw damaged(file.path, "an index of names contains itself");
  const entries = await file.at(address + 24, 16 * count, "an index of names");
  const leaves: number[] = [];
  for (let i = 0; i < count; i++) {
    const child = entries.skip(8).address();
    if (child === undefined) throw damaged(file.path, "an index of names leads nowhere");
    if (level === 0) leaves.push(child);
    else for (const leaf of await readLeaves(file, child, depth + 1)) leaves.push(leaf);
  }
  return leaves;
}
