/**
 * A pretrained network in memory, the parameters that it has, and the schema that checks one. Nothing is opened or downloaded here.
 */
import * as v from "valibot";
import type { Schema } from "../base/option-schemas.ts";
import { elementCount, type Graph, type Model } from "../onnx/model.ts";
import type { Stage } from "./architectures/definition.ts";
import type { Preprocessing } from "./preprocessing/preprocessing.ts";

/** A pretrained network, read and ready to be cut. */
export interface Network {
  /** Its catalogue name, or the file's path. */
  readonly name: string;
  /** One sentence: architecture, training data, anything unusual. */
  readonly description: string;
  readonly licence: string;
  /** Where the weights came from. */
  readonly source: string;
  /** SHA-256 of the ONNX file that was read, hexadecimal. */
  readonly sha256: string;
  /** In Graft's operator set, with one image input. */
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** Whether the preprocessing is an assumption, because the file does not state it. */
  readonly assumedPreprocessing?: true | undefined;
  /** Where the preprocessing comes from, as text; absent if it comes from the catalogue. */
  readonly preprocessingFrom?: string | undefined;
  /** The tensor where the backbone ends. */
  readonly cut: string;
  /**
   * Other tensors where the backbone may end; cross-validation chooses among them and `cut`. Empty if the caller named the cut.
   * Default: the ends of the two stages before the cut's own.
   */
  readonly cuts?: readonly string[] | undefined;
  /** Why the backbone ends at `cut`, as text; absent if the catalogue defines the cut. */
  readonly why?: string | undefined;
  /** The stages that its architecture names, if Graft builds the architecture; otherwise stages are found in the graph. */
  readonly stages?: readonly Stage[] | undefined;
  /** What was changed when the file was read, one sentence each. */
  readonly changes?: readonly string[] | undefined;
}

/**
 * Counts the parameters of a model: elements of float32 constants with at least one dimension, and of integer constants that a
 * `DequantizeLinear` reads.
 */
export function countParameters(model: Model): number {
  let parameters = 0;
  for (const name of parameterNames(model.graph)) parameters += elementCount(model.graph.initializers.get(name)!.dims);
  return parameters;
}

/** The names of the parameters that {@link countParameters} counts. */
export function parameterNames({ nodes, initializers }: Graph): string[] {
  const dequantised = new Set(nodes.flatMap(({ op, inputs }) => (op === "DequantizeLinear" ? inputs.slice(0, 1) : [])));
  return [...initializers]
    .filter(([name, { type, dims }]) => dims.length > 0 && (type === "float32" || dequantised.has(name)))
    .map(([name]) => name);
}

// The schema of a network that a caller passes to the library.

/** Checks the fields that every network has; the usual mistakes are a name, a path or bytes. */
export const networkSchema: Schema<Network> = v.custom<Network>((value) => {
  if (typeof value !== "object" || value === null) return false;
  const { name, sha256, cut, model, preprocessing } = value as Partial<Record<keyof Network, unknown>>;
  return (
    [name, sha256, cut].every((part) => typeof part === "string") &&
    [model, preprocessing].every((part) => typeof part === "object" && part !== null)
  );
}, "a network that openNetwork returned");
