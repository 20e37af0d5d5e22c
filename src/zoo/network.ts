/** What Graft knows of a network before anything is cut or trained. No weights are fetched here. */
import type { Graph, Model } from "../graph/model.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Stage } from "./architectures/definition.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** A pretrained network, read and ready to be cut. */
export interface Network {
  /** Its catalogue name, or the file's path. */
  readonly name: string;
  /** What it is, in one sentence: architecture, training data, anything unusual. */
  readonly description: string;
  readonly licence: string;
  /** Where the weights came from. */
  readonly source: string;
  /** SHA-256 of the ONNX file that was read. */
  readonly sha256: string;
  /** In Graft's operator set; one image input. */
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** Whether the preprocessing is an assumption, because the file does not say. */
  readonly assumedPreprocessing?: true | undefined;
  /** Where the preprocessing is known from, in words; absent where the catalogue says it. */
  readonly preprocessingFrom?: string | undefined;
  /** The tensor where the backbone ends. */
  readonly cut: string;
  /**
   * Other tensors where it may end, for cross-validation to choose from; none where the caller named the cut. Absent: the ends of the
   * stages before it.
   */
  readonly cuts?: readonly string[] | undefined;
  /** Why it ends there, in words; absent where the catalogue says it. */
  readonly why?: string | undefined;
  /** The stages that its architecture names, where it is one of Graft's; in other networks they are found. */
  readonly stages?: readonly Stage[] | undefined;
  /** What was changed when it was read, so that Graft can use it; a sentence each. */
  readonly changes?: readonly string[] | undefined;
}

/**
 * How many numbers a model learned: elements of its floating-point constants with one dimension or more, and of the
 * whole-number ones that are dequantised.
 */
export function countParameters(model: Model): number {
  let parameters = 0;
  for (const name of parameterNames(model.graph)) parameters += elementCount(model.graph.initializers.get(name)!.dims);
  return parameters;
}

/** The names of a graph's parameters, as {@link countParameters} counts them. */
export function parameterNames({ nodes, initializers }: Graph): string[] {
  const dequantised = new Set(nodes.flatMap(({ op, inputs }) => (op === "DequantizeLinear" ? inputs.slice(0, 1) : [])));
  return [...initializers]
    .filter(([name, { type, dims }]) => dims.length > 0 && (type === "float32" || dequantised.has(name)))
    .map(([name]) => name);
}
