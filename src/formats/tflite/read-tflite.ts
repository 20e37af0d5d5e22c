/**
 * Reads a TensorFlow Lite file into plain data: the tensors and operators of its first subgraph, checked and with indices resolved. Converts
 * nothing.
 */
import { dataError } from "../../base/errors.ts";
import { elementCount } from "../../onnx/model.ts";
import { FlatFile, type Row, readRow, type Schema, type Table } from "./flatbuffer.ts";
import {
  BUFFER,
  type ElementType,
  elementTypes,
  FILE_IDENTIFIER,
  MODEL,
  OPERATOR,
  OPERATOR_CODE,
  type Options,
  operatorNames,
  QUANTIZATION,
  SUBGRAPH,
  TENSOR,
} from "./tflite-schema.ts";

/** `real = scale × (q − zero)`, with one scale, or one per slice along `axis`. */
export interface Quantisation {
  readonly scales: readonly number[];
  readonly zeros: readonly number[];
  readonly axis: number;
}

/** A tensor as declared in the file, in TensorFlow Lite's layout (images are `[N, H, W, C]`). */
export interface TfliteTensor {
  readonly index: number;
  /** {@link sanitised}; `tensor_<index>` if the file has none. */
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly quantisation?: Quantisation | undefined;
  /** The values of a constant; absent for a computed tensor. */
  readonly bytes?: Uint8Array | undefined;
}

/** An operation of the file. */
export interface Operation {
  /** The operator's name, such as `CONV_2D`. */
  readonly op: string;
  /** The inputs; undefined for an omitted optional input. */
  readonly inputs: readonly (TfliteTensor | undefined)[];
  readonly output: TfliteTensor;
  /** The operator's options, with defaults. Throws a data error if the options belong to another operator. */
  options<S extends Schema>(of: Options<S>): Row<S>;
  /** A data error about this operation; `what` is the predicate of the sentence. */
  error(what: string): Error;
}

/** The part of a file that computes its outputs. */
export interface TfliteGraph {
  readonly source: string;
  readonly input: TfliteTensor;
  readonly outputs: readonly TfliteTensor[];
  /** In the order of execution. */
  readonly operations: readonly Operation[];
}

const MAX_RANK = 6;
const LONGEST_NAME = 1 << 16;

/** A name that is safe for other tools and terminals: letters, digits and `_ . / : -`; everything else becomes `_`. */
export const sanitised = (name: string): string => name.replace(/[^A-Za-z0-9_./:-]/g, "_");

/** Reads a model. Throws a data error if the file is damaged or does not have exactly one input. */
export function readTflite(bytes: Uint8Array, source: string): TfliteGraph {
  const file = new FlatFile(bytes, source);
  const model = readRow(file.root(FILE_IDENTIFIER), MODEL);
  if (model.version !== 3) {
    throw dataError(`${source} has TensorFlow Lite's schema version ${model.version}: export it with version 3.`);
  }
  const subgraph = readRow(at(file, model.subgraphs, 0, "subgraph"), SUBGRAPH);
  const tensors = tensorReader(file, subgraph.tensors, model.buffers);
  const operations = subgraph.operators.map((table) => readOperation(file, table, model.operatorCodes, tensors));
  const [input, ...others] = subgraph.inputs.map((index) => tensors(index));
  if (!input || others.length > 0) {
    throw dataError(`${source} takes ${subgraph.inputs.length} inputs: pass a network with one image as its input.`);
  }
  return { source, input, outputs: subgraph.outputs.map((index) => tensors(index)), operations };
}

function at<T>(file: FlatFile, of: readonly T[], index: number, what: string): T {
  const found = of[index];
  if (found === undefined) throw file.damaged(`it has no ${what} ${index}`);
  return found;
}

/** Returns a reader of tensors by index, which reads each only once. */
function tensorReader(file: FlatFile, tables: readonly Table[], buffers: readonly Table[]) {
  const known = new Map<number, TfliteTensor>();
  return (index: number): TfliteTensor => {
    const tensor = known.get(index) ?? readTensor(file, at(file, tables, index, "tensor"), index, buffers);
    known.set(index, tensor);
    return tensor;
  };
}

function readTensor(file: FlatFile, table: Table, index: number, buffers: readonly Table[]): TfliteTensor {
  const {
    name: given,
    shape: dims,
    type: code,
    buffer,
    quantization,
    sparsity,
    shapeSignature,
  } = readRow(table, TENSOR);
  if (given.length > LONGEST_NAME) throw file.damaged(`tensor ${index} has a name of ${given.length} characters`);
  const name = sanitised(given) || `tensor_${index}`;
  const { source } = file;
  const type = elementTypes[code as keyof typeof elementTypes];
  if (!type) {
    throw dataError(`${source}: tensor "${name}" has type ${code}: export with float, uint8 or int8 weights.`);
  }
  if (dims.length > MAX_RANK || dims.some((size) => size < 0)) {
    throw file.damaged(`tensor "${name}" has ${dims.length} dimensions, or one below 0`);
  }
  if (shapeSignature.some((size, axis) => axis > 0 && size < 0)) {
    throw dataError(`${source}: tensor "${name}" has an open size: export with a fixed image size.`);
  }
  if (sparsity) throw dataError(`${source}: tensor "${name}" is sparse: export the network with dense weights.`);
  const quantisation = readQuantisation(file, name, dims, quantization);
  const bytes = readRow(at(file, buffers, buffer, "buffer"), BUFFER).data;
  if (bytes.length > 0) {
    file.spend(bytes.length);
    if (bytes.length !== elementCount(dims) * type.size) {
      throw file.damaged(`tensor "${name}" [${dims}] of ${type.name} has ${bytes.length} bytes`);
    }
  }
  return {
    index,
    name,
    type: type.name,
    dims,
    quantisation,
    bytes: bytes.length > 0 ? bytes : undefined,
  };
}

function readQuantisation(
  file: FlatFile,
  name: string,
  dims: readonly number[],
  table: Table | undefined,
): Quantisation | undefined {
  const { scale, zeroPoint, detailsType, dimension: axis } = readRow(table, QUANTIZATION);
  if (detailsType !== 0) {
    throw dataError(`${file.source}: tensor "${name}" has a custom quantisation: export with uint8 or int8 weights.`);
  }
  if (scale.length === 0) return undefined;
  const zeros = zeroPoint.length === 0 ? scale.map(() => 0) : zeroPoint;
  const channels = scale.length === 1 ? 1 : dims[axis];
  if (scale.length !== channels || zeros.length !== channels) {
    throw file.damaged(`tensor "${name}" [${dims}] has ${scale.length} scales and ${zeros.length} zero points`);
  }
  if (scale.some((value) => !(value > 0 && value < Number.POSITIVE_INFINITY))) {
    throw file.damaged(`tensor "${name}" has a scale that is not positive`);
  }
  if (zeros.some((zero) => zero < -128 || zero > 255)) {
    throw file.damaged(`tensor "${name}" has a zero point that is not an 8-bit number`);
  }
  return { scales: scale, zeros, axis };
}

function readOperation(
  file: FlatFile,
  table: Table,
  codes: readonly Table[],
  tensors: (index: number) => TfliteTensor,
): Operation {
  const { codeIndex, inputs, outputs, optionsType, options } = readRow(table, OPERATOR);
  const { deprecatedCode, customCode, code } = readRow(at(file, codes, codeIndex, "operator code"), OPERATOR_CODE);
  const number = Math.max(deprecatedCode, code);
  const name = operatorNames[number] ?? `number ${number}`;
  const op = name === "CUSTOM" ? `CUSTOM (${sanitised(customCode)})` : name;
  // Operators with several outputs are not supported; the first output names the operation.
  const output = tensors(at(file, outputs, 0, `output of an ${op} as number`));
  const error = (what: string): Error =>
    dataError(`${file.source}: the operator ${op} that computes "${output.name}" ${what}.`);
  return {
    op,
    inputs: inputs.map((index) => (index === -1 ? undefined : tensors(index))),
    output,
    options(of) {
      if (options && optionsType !== of.member) throw error("has another operator's options: export the model again");
      return readRow(options, of.schema);
    },
    error,
  };
}
