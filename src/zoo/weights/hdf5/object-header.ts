/**
 * Object headers: every group and dataset is a list of messages, in blocks anywhere in the file.
 * HDF5 File Format Specification 3.0, section IV.A (https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html).
 */
import type { Cursor } from "./cursor.ts";
import { damaged, type MetadataReader, unsupported } from "./metadata.ts";

/** The message types that are read, by their numbers in the specification. */
export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

/** A message; `contents` starts at its first byte. */
export interface Message {
  readonly type: number;
  readonly contents: Cursor;
}

/** The place of a block of messages. */
interface Block {
  readonly address: number;
  readonly length: number;
}

/** The flag of a message whose contents are in another object's header: a committed datatype. */
const SHARED = 0x02;

/**
 * All messages of the object at `address`.
 *
 * @throws GraftError (`data`) if there is no object, or its list of messages does not end
 */
export async function readObject(file: MetadataReader, address: number): Promise<readonly Message[]> {
  const first = await file.at(address, 4, "an object header");
  return first.signature("OHDR") ? readVersion2(file, address) : readVersion1(file, address);
}

async function readVersion1(file: MetadataReader, address: number): Promise<Message[]> {
  const head = await file.at(address, 16, "an object header");
  if (head.u8() !== 1) throw damaged(file.path, `there is no object at byte ${address}`);
  const length = head.skip(7).u32();
  return readBlocks(file, { address: address + 16, length }, (cursor) => {
    const [type, size, flags] = [cursor.u16(), cursor.u16(), cursor.u8()];
    return { type, flags, contents: cursor.skip(3).part(size) };
  });
}

async function readVersion2(file: MetadataReader, address: number): Promise<Message[]> {
  const head = await file.at(address, Math.min(32, file.size - address), "an object header");
  const version = head.skip(4).u8();
  if (version !== 2) throw damaged(file.path, `an object header has version ${version}`);
  const flags = head.u8();
  if (flags & 0x20) head.skip(16);
  if (flags & 0x10) head.skip(4);
  const length = head.uint(1 << (flags & 3));
  const ordered = (flags & 0x04) !== 0;
  const message = (cursor: Cursor): FlaggedMessage => {
    const [type, size, messageFlags] = [cursor.u8(), cursor.u16(), cursor.u8()];
    if (ordered) cursor.skip(2);
    return { type, flags: messageFlags, contents: cursor.part(size) };
  };
  // A continuation starts with "OCHK" and ends with a checksum, which are not messages.
  const inner = ({ address, length }: Block): Block => ({ address: address + 4, length: Math.max(0, length - 8) });
  return readBlocks(file, { address: address + head.at, length }, message, inner, ordered ? 6 : 4);
}

interface FlaggedMessage extends Message {
  readonly flags: number;
}

/** @param prefix size of a message's header in bytes; fewer bytes at the end of a block are padding */
async function readBlocks(
  file: MetadataReader,
  first: Block,
  next: (cursor: Cursor) => FlaggedMessage,
  inner: (block: Block) => Block = (block) => block,
  prefix = 8,
): Promise<Message[]> {
  const messages: Message[] = [];
  const blocks = [first];
  const seen = new Set<number>();
  for (let block = blocks.shift(); block; block = blocks.shift()) {
    if (seen.has(block.address)) throw damaged(file.path, "an object header continues in itself");
    seen.add(block.address);
    const cursor = await file.at(block.address, block.length, "an object header");
    while (cursor.left >= prefix) {
      const { type, flags, contents } = next(cursor);
      if (type === messageTypes.continuation) {
        const address = contents.address();
        if (address === undefined) throw damaged(file.path, "an object header's continuation has no address");
        blocks.push(inner({ address, length: contents.u64() }));
      } else if (flags & SHARED && type === messageTypes.datatype) {
        throw unsupported(file.path, "a dataset whose type is another object");
      } else messages.push({ type, contents });
    }
  }
  return messages;
}
