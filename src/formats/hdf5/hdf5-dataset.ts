/**
 * Datasets (type, shape, and the place of the values) and attributes with text. Only contiguous values are read, as h5py writes them:
 * chunks, compression and values in other files are refused, so that reading never needs more memory than the file's size. HDF5 File
 * Format Specification 3.0, section IV.A.2.i.
 */
import { elementCount } from "../../onnx/model.ts";
import type { WeightEntry } from "../weight-file.ts";
import { type Cursor, damaged, type MetadataReader, unsupported } from "./hdf5-bytes.ts";
import { type Message, messageTypes, readDims, readElementType } from "./hdf5-object.ts";

/** A dataset; its bytes start at `offset` in the file, or were in the object header. */
export interface Dataset extends WeightEntry {
  readonly length: number;
  readonly place: { readonly offset: number } | { readonly bytes: Uint8Array };
}

const COMPACT = 0;
const CONTIGUOUS = 1;

/**
 * The dataset that an object's messages describe; undefined if they do not describe one, or one without numbers.
 *
 * @throws GraftError (`data`) if shape and type do not match the number of stored bytes
 */
export function readDataset(file: MetadataReader, messages: readonly Message[], name: string): Dataset | undefined {
  const contents = (type: number): Cursor | undefined => {
    const found = messages.find((message) => message.type === type)?.contents;
    if (found) found.at = 0;
    return found;
  };
  const [layout, type, space] = [messageTypes.layout, messageTypes.datatype, messageTypes.dataspace].map(contents);
  if (!layout || !type || !space) return undefined;
  const element = readElementType(type);
  const dims = readDims(space);
  if (element.kind === "other") throw unsupported(file.path, `${element.name} ("${name}")`);
  if (element.kind !== "number" || dims === undefined) return undefined;
  if (contents(messageTypes.filters)) throw unsupported(file.path, `compressed values ("${name}")`);
  if (contents(messageTypes.externalFiles)) throw unsupported(file.path, `values in another file ("${name}")`);

  const length = elementCount(dims) * element.size;
  const { place, stored } = readPlace(file, layout, name);
  if (stored !== length) {
    throw damaged(file.path, `"${name}" is ${element.type} [${dims}], ${length} bytes, but ${stored} are stored`);
  }
  return { type: element.type, dims, length, place };
}

function readPlace(file: MetadataReader, layout: Cursor, name: string): Pick<Dataset, "place"> & { stored: number } {
  const version = layout.u8();
  if (version !== 3 && version !== 4) throw unsupported(file.path, `values in an old layout ("${name}")`);
  const kind = layout.u8();
  if (kind === COMPACT) {
    const stored = layout.u16();
    return { place: { bytes: layout.part(stored).bytes }, stored };
  }
  if (kind !== CONTIGUOUS) throw unsupported(file.path, `values in chunks ("${name}")`);
  const [offset, stored] = [layout.address(), layout.u64()];
  if (offset === undefined) {
    // Space is allocated by the first write, which an empty dataset never has.
    return { place: { bytes: new Uint8Array(0) }, stored: 0 };
  }
  if (offset + stored > file.size) {
    throw damaged(file.path, `"${name}" would end at byte ${offset + stored} of ${file.size}`);
  }
  return { place: { offset }, stored };
}

// Attributes with text: the names of layers and weights. Other attributes are never requested. HDF5 File Format Specification 3.0,
// sections IV.A.2.m and III.E (global heap).

/** Size in bytes of a reference to a long text: its length, its heap and its number there. */
const REFERENCE = 16;

/**
 * The texts of the attribute `name`: one for a scalar, several for a list; undefined if there is no such attribute.
 *
 * @throws GraftError (`data`) if it is damaged or not text
 */
export async function readTexts(
  file: MetadataReader,
  messages: readonly Message[],
  name: string,
): Promise<readonly string[] | undefined> {
  for (const message of messages) {
    if (message.type === messageTypes.attributeInfo) refuseIndexed(file, message.contents);
    if (message.type !== messageTypes.attribute) continue;
    const attribute = new Attribute(message.contents);
    if (attribute.name === name) return textsOf(file, attribute);
  }
  return undefined;
}

/** Refuses an index outside the object header, which many or long attributes may have. */
function refuseIndexed(file: MetadataReader, info: Cursor): void {
  info.at = 0;
  const flags = info.skip(1).u8();
  if (flags & 1) info.skip(2);
  if (info.address() !== undefined) throw unsupported(file.path, "an indexed list of attributes");
}

/** The parts of an attribute message. */
class Attribute {
  readonly name: string;
  readonly type: Cursor;
  readonly space: Cursor;
  readonly data: Cursor;

  constructor(message: Cursor) {
    message.at = 0;
    const version = message.u8();
    const [nameSize, typeSize, spaceSize] = [message.skip(1).u16(), message.u16(), message.u16()];
    if (version === 3) message.skip(1);
    // Version 1 pads each part to a multiple of 8 bytes.
    const part = (size: number): Cursor => {
      const contents = message.part(size);
      if (version === 1) message.align();
      return contents;
    };
    this.name = part(nameSize).text(nameSize);
    this.type = part(typeSize);
    this.space = part(spaceSize);
    this.data = message.part(message.left);
  }
}

async function textsOf(file: MetadataReader, { name, type, space, data }: Attribute): Promise<readonly string[]> {
  const element = readElementType(type);
  const dims = readDims(space) ?? [0];
  const count = dims.reduce((product, size) => product * size, 1);
  if (element.kind !== "text" && element.kind !== "long text")
    throw damaged(file.path, `the attribute "${name}" is not text`);
  if (element.size === 0 || count * element.size > data.left)
    throw damaged(file.path, `the attribute "${name}" ends early`);
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    texts.push(
      element.kind === "text"
        ? data.text(element.size).trimEnd()
        : await readLongText(file, data.part(Math.max(REFERENCE, element.size))),
    );
  }
  return texts;
}

async function readLongText(file: MetadataReader, reference: Cursor): Promise<string> {
  const [length, collection, index] = [reference.u32(), reference.address(), reference.u32()];
  if (length === 0 || collection === undefined) return "";
  const head = await file.at(collection, 16, "a heap of texts");
  if (!head.signature("GCOL")) throw damaged(file.path, `there is no heap of texts at byte ${collection}`);
  const size = head.skip(4).u64();
  for (let at = 16; at + 16 <= size; ) {
    const item = await file.at(collection + at, 16, "a heap of texts");
    const [number, bytes] = [item.u16(), item.skip(6).u64()];
    if (number === index) {
      if (length > bytes) throw damaged(file.path, "a text is longer than its space");
      return (await file.at(collection + at + 16, length, "a text")).text(length);
    }
    // Number 0 is the free space at the end.
    if (number === 0) break;
    at += 16 + Math.ceil(bytes / 8) * 8;
  }
  throw damaged(file.path, "a text is missing from its heap");
}
