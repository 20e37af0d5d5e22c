/**
 * Adds nodes and constants to a graph: gives them new names and tracks the type and shape of every tensor, so that rules can be
 * written as formulas. The same operation on the same inputs is added once. Knows no operator; those are in graph-operations.ts.
 */

import type { Tensor, TensorShape, TensorType } from "../onnx/model.ts";
import { type AttributeLike, type Node, node } from "../onnx/model.ts";

/** A tensor of the graph being built. */
export interface Ref extends TensorShape {
  readonly name: string;
}

export type Attributes = Readonly<Record<string, AttributeLike>>;

/** Collects nodes and constants with names that no other tensor has. */
export class Builder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  /** Type and shape of every tensor added. */
  readonly shapes = new Map<string, TensorShape>();
  /** The prefix of new names; shows in a profile what a node belongs to. */
  scope = "";
  readonly #taken: Set<string>;
  readonly #made = new Map<string, readonly Ref[]>();

  /** @param taken names of existing tensors */
  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  /** A name that no tensor has yet. */
  fresh(hint: string): string {
    const base = this.scope === "" ? hint : `${this.scope}/${hint}`;
    let name = base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}.${count}`;
    this.#taken.add(name);
    return name;
  }

  /**
   * Adds a node with several outputs, or returns those of an equal node that exists. Undefined inputs are left empty.
   *
   * @param op the name of an ONNX operator, or `domain.Name` for another domain
   */
  emitAll(
    op: string,
    inputs: readonly (Ref | undefined)[],
    outputs: readonly TensorShape[],
    attributes: Attributes = {},
  ): readonly Ref[] {
    const names = inputs.map((input) => input?.name ?? "");
    while (names.at(-1) === "") names.pop();
    const key = JSON.stringify([op, names, attributes, outputs.length]);
    const known = this.#made.get(key);
    if (known) return known;
    const [, domain = "", own = op] = /^(.*)\.(\w+)$/.exec(op) ?? [];
    const refs = outputs.map(({ type, dims }) => this.#added(own, type, dims));
    const made = node(
      own,
      names,
      refs.map(({ name }) => name),
      attributes,
    );
    this.nodes.push({ ...made, domain });
    this.#made.set(key, refs);
    return refs;
  }

  /** Adds a node with one output of shape `dims`; its type is that of the first input, or `type`. */
  emit(
    op: string,
    inputs: readonly (Ref | undefined)[],
    dims: readonly number[],
    attributes: Attributes = {},
    type: TensorType = inputs[0]?.type ?? "float32",
  ): Ref {
    return this.emitAll(op, inputs, [{ type, dims }], attributes)[0]!;
  }

  /** Adds a constant; equal small constants are shared. */
  constant(tensor: Tensor, hint = "constant"): Ref {
    const { type, dims, bytes } = tensor;
    const key = bytes.length <= 1024 ? JSON.stringify(["constant", type, dims, [...bytes]]) : undefined;
    const known = key === undefined ? undefined : this.#made.get(key);
    if (known) return known[0]!;
    const ref = this.#added(hint, type, dims);
    this.initializers.set(ref.name, tensor);
    if (key !== undefined) this.#made.set(key, [ref]);
    return ref;
  }

  #added(hint: string, type: TensorType, dims: readonly number[]): Ref {
    const name = this.fresh(hint);
    this.shapes.set(name, { type, dims });
    return { name, type, dims };
  }
}
