/**
 * Datasets: type, shape, and the place of the values. Only contiguous values are read, as h5py writes them: chunks, compression and
 * values in other files are refused, so that reading never needs more memory than the file's size. HDF5 File Format Specification 3.0,
 * section IV.A.2.i.
 */
import { elementCount } from "../../../graph/tensor.ts";
import type { WeightEntry } from "../weight-file.ts";
import type { Cursor } from "./cursor.ts";
import { damaged, type MetadataReader, unsupported } from "./metadata.ts";
import { type Message, messageTypes } from "./object-header.ts";
import { readDims, readElementType } from "./types.ts";

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
