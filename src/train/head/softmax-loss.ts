/**
 * The loss of many softmax heads at once as one ONNX graph: the values and gradients of all of them in a single pass over the features, as two
 * large matrix products. Heads are given as weights of contrasts between classes. The optimisation is in fit-together.ts.
 *
 * Contrasts save one output: adding a number to all logits changes no probability, so the best penalised weights of the classes sum to zero, and
 * such weights are a combination of C − 1 contrasts. The contrasts are orthonormal, which preserves every length (hence the L2 penalty) and every
 * step of the fit.
 */
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { float32Tensor, int64Tensor, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import type { FeatureTable } from "../features/feature-table.ts";

/** Helmert's contrasts `[classes − 1, classes]`: each class against the mean of those before it, of length 1. */
export function contrastsOf(classes: number): Float32Array {
  const contrasts = new Float32Array((classes - 1) * classes);
  for (let k = 1; k < classes; k++) {
    const length = Math.sqrt(k * (k + 1));
    contrasts.fill(-1 / length, (k - 1) * classes, (k - 1) * classes + k);
    contrasts[(k - 1) * classes + k] = k / length;
  }
  return contrasts;
}

/** Weights of contrasts `[classes − 1, columns]` → weights of classes `[classes, columns]`. */
export function weightsOfClasses(ofContrasts: Float32Array, classes: number): Float32Array {
  const columns = ofContrasts.length / (classes - 1);
  const contrasts = contrastsOf(classes);
  const weights = new Float32Array(classes * columns);
  for (let k = 0; k < classes - 1; k++) {
    for (let c = 0; c < classes; c++) {
      const share = contrasts[k * classes + c]!;
      for (let j = 0; share !== 0 && j < columns; j++)
        weights[c * columns + j] = weights[c * columns + j]! + share * ofContrasts[k * columns + j]!;
    }
  }
  return weights;
}

/** One evaluation of `fits` heads. */
export interface Losses {
  /** `[fits]`: the weighted cross-entropy of each head. */
  readonly values: Float64Array;
  /** `[fits, classes − 1, columns]`: its gradient. */
  readonly gradients: Float32Array;
}

export interface SoftmaxLoss {
  /**
   * @param weights `[fits, classes − 1, columns]`, row-major
   * @param rowWeight the weight of example `row` in fit `fit`; 0 excludes it
   */
  evaluate(weights: Float32Array, fits: number, rowWeight: (row: number, fit: number) => number): Promise<Losses>;
  /** `[rows, fits, classes]` logits of every example under every head, chunk by chunk. */
  logits(weights: Float32Array, fits: number, visit: (firstRow: number, logits: Float32Array) => void): Promise<void>;
  close(): Promise<void>;
}

/** logits = x·wᵀ·K with contrasts K; loss = −Σ m·y·log softmax; gradient = (m·(softmax − y)·Kᵀ)ᵀ·x. */
function lossModel(classes: number): Uint8Array {
  const contrasts = contrastsOf(classes);
  const transposed = Float32Array.from(contrasts, (_, i) => {
    const [c, k] = [Math.floor(i / (classes - 1)), i % (classes - 1)];
    return contrasts[k * classes + c]!;
  });
  const nodes = [
    node("Gemm", ["x", "w"], ["flat"], { transB: 1 }),
    node("Reshape", ["flat", "grouped"], ["contrasted"]),
    node("MatMul", ["contrasted", "contrasts"], ["logits"]),
    node("LogSoftmax", ["logits"], ["logP"], { axis: 2 }),
    node("Exp", ["logP"], ["p"]),
    node("Mul", ["logP", "y"], ["picked"]),
    node("Mul", ["picked", "m"], ["weighted"]),
    node("ReduceSum", ["weighted", "rowsAndClasses"], ["minusLoss"], { keepdims: 0 }),
    node("Neg", ["minusLoss"], ["loss"]),
    node("Sub", ["p", "y"], ["error"]),
    node("Mul", ["error", "m"], ["residual"]),
    node("MatMul", ["residual", "contrastsTransposed"], ["residualContrasted"]),
    node("Shape", ["flat"], ["flatShape"]),
    node("Reshape", ["residualContrasted", "flatShape"], ["residualFlat"]),
    node("Gemm", ["residualFlat", "x"], ["gradient"], { transA: 1 }),
  ];
  const graph = {
    name: "softmax-loss",
    nodes,
    inputs: [
      { name: "x", type: "float32", dims: ["n", "d"] },
      { name: "w", type: "float32", dims: ["fk", "d"] },
      { name: "y", type: "float32", dims: ["n", 1, classes] },
      { name: "m", type: "float32", dims: ["n", "f", 1] },
    ],
    outputs: [
      { name: "loss", type: "float32", dims: ["f"] },
      { name: "gradient", type: "float32", dims: ["fk", "d"] },
      { name: "logits", type: "float32", dims: ["n", "f", classes] },
    ],
    initializers: new Map([
      ["grouped", int64Tensor([3], [0, -1, classes - 1])],
      ["contrasts", float32Tensor([classes - 1, classes], contrasts)],
      ["contrastsTransposed", float32Tensor([classes, classes - 1], transposed)],
      ["rowsAndClasses", int64Tensor([2], [0, 2])],
    ]),
  } as const;
  return encodeModelWhole(modelOf(graph));
}

/**
 * Prepares the loss over a table of features.
 *
 * @param table `[rows, columns]` features; a last column of ones gives a bias
 * @param labels the class of each row, 0 … classes − 1
 */
export async function openSoftmaxLoss(table: FeatureTable, labels: Int32Array, classes: number): Promise<SoftmaxLoss> {
  const session = await openSession(lossModel(classes));
  const { columns } = table;
  const oneHot = (first: number, rows: number): Float32Array => {
    const y = new Float32Array(rows * classes);
    for (let i = 0; i < rows; i++) y[i * classes + labels[first + i]!] = 1;
    return y;
  };
  return {
    async evaluate(weights, fits, rowWeight) {
      const values = new Float64Array(fits);
      let gradients: Float32Array | undefined;
      for (const { first, rows, data } of table.chunks()) {
        const m = new Float32Array(rows * fits);
        for (let i = 0; i < rows; i++) for (let f = 0; f < fits; f++) m[i * fits + f] = rowWeight(first + i, f);
        const { loss, gradient } = await session.run(
          {
            x: { dims: [rows, columns], data },
            w: { dims: [fits * (classes - 1), columns], data: weights },
            y: { dims: [rows, 1, classes], data: oneHot(first, rows) },
            m: { dims: [rows, fits, 1], data: m },
          },
          ["loss", "gradient"],
        );
        const partial = gradient!.data as Float32Array;
        for (let f = 0; f < fits; f++) values[f] = values[f]! + Number(loss!.data[f]);
        if (!gradients) gradients = partial;
        else for (let i = 0; i < partial.length; i++) gradients[i] = gradients[i]! + partial[i]!;
      }
      return { values, gradients: gradients ?? new Float32Array(fits * (classes - 1) * columns) };
    },
    async logits(weights, fits, visit) {
      for (const { first, rows, data } of table.chunks()) {
        const { logits } = await session.run(
          {
            x: { dims: [rows, columns], data },
            w: { dims: [fits * (classes - 1), columns], data: weights },
            y: { dims: [rows, 1, classes], data: new Float32Array(rows * classes) },
            m: { dims: [rows, fits, 1], data: new Float32Array(rows * fits) },
          },
          ["logits"],
        );
        visit(first, logits!.data as Float32Array);
      }
    },
    close: () => session.close(),
  };
}
