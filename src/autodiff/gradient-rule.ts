/**
 * The interface of gradient rules: for one operator, a rule turns the gradient of the loss with respect to a node's outputs into the
 * gradient with respect to its inputs. The rules are in `rules/`, their list is in gradients.ts.
 */

import { dataError } from "../base/errors.ts";
import type { TensorShape } from "../onnx/model.ts";
import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from "../onnx/model.ts";
import type { Ref } from "./graph-builder.ts";
import type { Operations } from "./graph-operations.ts";

/**
 * Returns for each input a function that computes its gradient, or undefined if it has none. Only the needed functions are called. A
 * gradient may have the shape to which the input was broadcast: the caller sums it to the shape of the input.
 */
export type Rule = (site: Site) => readonly (Gradient | undefined)[];
export type Gradient = () => Ref;

/** How Graft differentiates an operator. */
export type Differentiation =
  | {
      readonly kind: "rule";
      readonly rule: Rule;
      /** The limits of the rule, for `docs/operators.md`. */
      readonly limits?: string | undefined;
    }
  | {
      /** The outputs are not differentiable functions of the inputs: no gradient flows through the operator. */
      readonly kind: "none";
      readonly why: string;
    };

/** Differentiations by operator name; `domain.Name` for domains other than ONNX's own. */
export type RuleTable = Readonly<Record<string, Differentiation>>;

/** The {@link Differentiation} of an operator with a rule. */
export const by = (rule: Rule, limits?: string): Differentiation => ({
  kind: "rule",
  rule,
  limits,
});

/** The name of a node in messages: exporters may leave its own name empty. */
export const calledBy = ({ name, op, outputs }: Node): string => name || outputs.find((output) => output !== "") || op;

/** The graph around a {@link Site}. */
export interface Surroundings {
  readonly build: Operations;
  shape(tensor: string): TensorShape;
  /** The values of an integer tensor, if they are known before anything runs. */
  integers(tensor: string): readonly number[] | undefined;
  /** The values of a floating-point constant. */
  floats(tensor: string): readonly number[] | undefined;
}

/** One node with the gradients of its outputs: everything that a rule reads. */
export class Site {
  readonly node: Node;
  readonly build: Operations;
  readonly #around: Surroundings;
  readonly #outputGradients: readonly (Ref | undefined)[];

  constructor(node: Node, around: Surroundings, outputGradients: readonly (Ref | undefined)[]) {
    this.node = node;
    this.build = around.build;
    this.#around = around;
    this.#outputGradients = outputGradients;
  }

  /** The node in error messages. */
  get called(): string {
    return `Node "${calledBy(this.node)}" (${this.node.op})`;
  }

  /** The gradient of the loss with respect to output `index`; zeros if the loss does not depend on it. */
  gradient(index = 0): Ref {
    const known = this.#outputGradients[index];
    if (known) return known;
    const { dims, type } = this.output(index);
    return this.build.filled(dims, 0, type);
  }

  /** Whether the loss depends on output `index`. */
  matters(index: number): boolean {
    return this.#outputGradients[index] !== undefined;
  }

  /** Input `index`. Throws a GraftError (`data`) if the node lacks it. */
  input(index: number): Ref {
    const ref = this.optional(index);
    if (!ref) throw dataError(`${this.called} lacks input ${index}: the model file is damaged.`);
    return ref;
  }

  /** Input `index`, if it is given. */
  optional(index: number): Ref | undefined {
    return this.#ref(this.node.inputs[index]);
  }

  /** Every input, in order. */
  get inputs(): readonly Ref[] {
    return this.node.inputs.map((_, index) => this.input(index));
  }

  /** Output `index`. Throws a GraftError (`data`) if the node lacks it. */
  output(index = 0): Ref {
    const ref = this.#ref(this.node.outputs[index]);
    if (!ref) throw dataError(`${this.called} lacks output ${index}, which its gradient needs: export it with it.`);
    return ref;
  }

  #ref(name: string | undefined): Ref | undefined {
    return name === undefined || name === "" ? undefined : { name, ...this.#around.shape(name) };
  }

  /** The values of integer input `index`; undefined if it is absent. Throws a GraftError (`data`) if they are not constant. */
  integers(index: number): readonly number[] | undefined {
    const name = this.node.inputs[index];
    if (name === undefined || name === "") return undefined;
    const values = this.#around.integers(name);
    if (values) return values;
    throw dataError(`${this.called} computes "${name}" as it runs, and its gradient needs it constant: ${simplify}.`);
  }

  /** The values of integer input `index` if they are constant. */
  constantIntegers(index: number): readonly number[] | undefined {
    return this.#around.integers(this.node.inputs[index] ?? "");
  }

  /** The values of floating-point input `index` if they are constant. */
  constantFloats(index: number): readonly number[] | undefined {
    return this.#around.floats(this.node.inputs[index] ?? "");
  }

  int = (name: string, fallback: number): number => intAttribute(this.node, name, fallback);
  ints = (name: string): readonly number[] | undefined => intsAttribute(this.node, name);
  float = (name: string, fallback: number): number => floatAttribute(this.node, name, fallback);
  text = (name: string, fallback: string): string => stringAttribute(this.node, name, fallback);

  /** The error for a form of the operator that its rule does not support. */
  unsupported(form: string): Error {
    return dataError(`${this.called} with ${form} has no gradient rule: freeze the layers up to it, or ${simplify}.`);
  }
}

const simplify = "export the network again in a simpler form";
