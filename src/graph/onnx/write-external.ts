/**
 * Writes a {@link Model} as an `.onnx` file without its large weights, and a file of those weights beside it (ONNX's external
 * data). A runtime maps such a file into memory instead of copying it: a large network's weights are then in memory twice instead
 * of five times.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProto_DataLocation, TensorProtoSchema } from "onnx-buf";
import type { Model } from "../model.ts";
import type { Tensor } from "../tensor.ts";
import { dataTypeOf } from "./types.ts";
import { encodeModelWhole } from "./write.ts";

/** Tensors start at multiples of this many bytes so that they can be mapped: the page size of any common system divides it. */
const PAGE = 65_536;
/** Smaller tensors stay in the model, where shape inference can read them. */
const LARGE = 65_536;

/** Both files of a model. */
export interface ExternalModel {
  readonly model: Uint8Array;
  /** The chunks of the weights file, in order; large ones are the arrays of the model itself, not copies. */
  readonly weights: readonly Uint8Array[];
}

/**
 * Writes a model with its large weights in a second file.
 *
 * @param file the name of the weights file, in the folder of the model
 */
export function encodeModelExternally(model: Model, file: string): ExternalModel {
  const all = [...model.graph.initializers];
  const isLarge = ([, { bytes }]: readonly [string, Tensor]): boolean => bytes.length >= LARGE;
  const initializers = new Map(all.filter((entry) => !isLarge(entry)));
  const proto = fromBinary(ModelProtoSchema, encodeModelWhole({ ...model, graph: { ...model.graph, initializers } }));
  const weights: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { type, dims, bytes }] of all.filter(isLarge)) {
    proto.graph?.initializer.push(
      create(TensorProtoSchema, {
        name,
        dims: dims.map(BigInt),
        dataType: dataTypeOf[type],
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries({ location: file, offset, length: bytes.length }).map(([key, value]) => ({
          key,
          value: String(value),
        })),
      }),
    );
    const padding = (PAGE - (bytes.length % PAGE)) % PAGE;
    weights.push(bytes, new Uint8Array(padding));
    offset += bytes.length + padding;
  }
  return { model: toBinary(ModelProtoSchema, proto), weights };
}
