/**
 * Datasets: type, shape, and where the values are. Only values in one piece are read, as h5py writes them: chunks,
 * compression and values in other files are refused, so that a file can never grow while it is read. HDF5 File Format
 * Specification 3.0, section IV.A.2.i.
 */
import { elementCount } from "../../../graph/tensor.ts";
import type { WeightEntry } from "../weight-file.ts";
import type { Cursor } from "./cursor.ts";
import { damaged, type MetadataReader, unsupported } from "./metadata.ts";
import { type Message, messageTypes } from "./object-header.ts";
import { readDims, readElementType } from "./types.ts";

/** A dataset: its bytes are in the file from `offset` on, or were in the object header. */
export interface Dataset extends WeightEntry {
  readonly length: number;
  readonly place: { readonly offset: number } | { readonly bytes: Uint8Array };
}

const COMPACT = 0;
const CONTIGUOUS = 1;

/**
 * The dataset that an object's messages describe; nothing where they describe none, or one that holds no numbers.
 *
 * @throws GraftError (`data`) where shape and type need other bytes than are stored
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
    // Nothing is stored before the first write; an empty dataset never has one.
    return { place: { bytes: new Uint8Array(0) }, stored: 0 };
  }
  if (offset + stored > file.size) {
    throw damaged(file.path, `"${name}" would end at byte ${offset + stored} of ${file.size}`);
  }
  return { place: { offset }, stored };
}
