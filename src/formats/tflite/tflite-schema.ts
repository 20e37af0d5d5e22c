/**
 * The tables of a TensorFlow Lite file that Graft reads, by field number, and their codes.
 * Source: `tensorflow/compiler/mlir/lite/schema/schema.fbs` (file identifier `TFL3`).
 */
import {
  blob,
  child,
  children,
  type Field,
  flag,
  float32,
  float32s,
  int8,
  int32,
  int32s,
  int64s,
  type Schema,
  text,
  uint8,
  uint32,
} from "./flatbuffer.ts";

export const FILE_IDENTIFIER = "TFL3";

export const MODEL = {
  version: uint32(0, 0),
  operatorCodes: children(1),
  subgraphs: children(2),
  buffers: children(4),
};
/** `deprecatedCode` contains codes up to 127; newer files also set `code`. The larger one counts. */
export const OPERATOR_CODE = { deprecatedCode: int8(0, 0), customCode: text(1), code: int32(3, 0) };
export const SUBGRAPH = { tensors: children(0), inputs: int32s(1), outputs: int32s(2), operators: children(3) };
export const TENSOR = {
  shape: int32s(0),
  type: int8(1, 0),
  buffer: uint32(2, 0),
  name: text(3),
  quantization: child(4),
  sparsity: child(6),
  shapeSignature: int32s(7),
};
export const QUANTIZATION = {
  scale: float32s(2),
  zeroPoint: int64s(3),
  detailsType: uint8(4, 0),
  dimension: int32(6, 0),
};
export const BUFFER = { data: blob(0) };
export const OPERATOR = {
  codeIndex: uint32(0, 0),
  inputs: int32s(1),
  outputs: int32s(2),
  optionsType: uint8(3, 0),
  options: child(4),
};

/** The options of one operator: their member of the union `BuiltinOptions`, and their fields. */
export interface Options<S extends Schema> {
  readonly member: number;
  readonly schema: S;
}
const options = <S extends Schema>(member: number, schema: S): Options<S> => ({ member, schema });
const fusedActivation = (slot: number): Field<number> => int8(slot, 0);

const WINDOW = { padding: int8(0, 0), strideW: int32(1, 0), strideH: int32(2, 0) };
export const CONV_2D_OPTIONS = options(1, {
  ...WINDOW,
  activation: fusedActivation(3),
  dilationW: int32(4, 1),
  dilationH: int32(5, 1),
});
export const DEPTHWISE_OPTIONS = options(2, {
  ...WINDOW,
  activation: fusedActivation(4),
  dilationW: int32(5, 1),
  dilationH: int32(6, 1),
});
export const POOL_OPTIONS = options(5, {
  ...WINDOW,
  filterW: int32(3, 0),
  filterH: int32(4, 0),
  activation: fusedActivation(5),
});
export const FULLY_CONNECTED_OPTIONS = options(8, { activation: fusedActivation(0), weightsFormat: int8(1, 0) });
export const SOFTMAX_OPTIONS = options(9, { beta: float32(0, 0) });
export const CONCATENATION_OPTIONS = options(10, { axis: int32(0, 0), activation: fusedActivation(1) });
export const ADD_OPTIONS = options(11, { activation: fusedActivation(0) });
export const RESIZE_BILINEAR_OPTIONS = options(15, { alignCorners: flag(2, false), halfPixelCenters: flag(3, false) });
export const MUL_OPTIONS = options(21, { activation: fusedActivation(0) });
export const REDUCER_OPTIONS = options(27, { keepDims: flag(0, false) });
export const SUB_OPTIONS = options(28, { activation: fusedActivation(0) });

/** The value of `Padding` for SAME, in {@link CONV_2D_OPTIONS} and similar tables. */
export const PADDING_SAME = 0;

/** The element types of `TensorType` that Graft knows, with the size of an element in bytes. */
export const elementTypes = {
  0: { name: "float32", size: 4 },
  1: { name: "float16", size: 2 },
  2: { name: "int32", size: 4 },
  3: { name: "uint8", size: 1 },
  4: { name: "int64", size: 8 },
  9: { name: "int8", size: 1 },
} as const;
/** The element types that Graft reads. */
export type ElementType = (typeof elementTypes)[keyof typeof elementTypes]["name"];

/** The names of `BuiltinOperator` by code, for rules and errors. */
export const operatorNames: readonly string[] = `
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL
FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT
`
  .trim()
  .split(/\s+/);
