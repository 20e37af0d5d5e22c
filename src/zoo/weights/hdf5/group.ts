/**
 * Groups: the names of their members with the members' addresses. There are two kinds: symbol tables (a B-tree of version 1 and a heap of
 * names, h5py's default) and link messages in the object header. HDF5 File Format Specification 3.0, sections III.A, III.B, III.D and
 * IV.A.2.g.
 */
import type { Cursor } from "./cursor.ts";
import { damaged, type MetadataReader, unsupported } from "./metadata.ts";
import { type Message, messageTypes } from "./object-header.ts";

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
