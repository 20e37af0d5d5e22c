/**
 * What a gradient rule is: for one operator, how the gradient of the loss towards a node's outputs becomes the gradient
 * towards its inputs. The rules themselves are in `rules/`, their list in `registry.ts`.
 */

import { dataError } from "../base/errors.ts";
import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from "../graph/model.ts";
import type { TensorShape } from "../graph/tensor.ts";
import type { Ref } from "./build/builder.ts";
import type { Operations } from "./build/operations.ts";

/**
 * A rule answers, by input, how to compute the gradient towards it; nothing where there is none. Only what is needed is
 * asked for. A gradient may have the shape of what the input was broadcast to: it is summed down to the input's own.
 */
export type Rule = (site: Site) => readonly (Gradient | undefined)[];
export type Gradient = () => Ref;

/** How Graft differentiates an operator. */
export type Differentiation =
  | {
      readonly kind: "rule";
      readonly rule: Rule;
      /** What of the operator is not covered, for `docs/operators.md`. */
      readonly limits?: string | undefined;
    }
  | {
      /** The operator's outputs do not depend smoothly on its inputs: no gradient flows through it. */
      readonly kind: "none";
      readonly why: string;
    };

/** Differentiations by operator; ONNX's own by name, others as `domain.Name`. */
export type RuleTable = Readonly<Record<string, Differentiation>>;

/** An operator with a rule. */
export const by = (rule: Rule, limits?: string): Differentiation => ({
  kind: "rule",
  rule,
  limits,
});

/** What to call a node: exporters may leave its name empty. */
export const calledBy = ({ name, op, outputs }: Node): string => name || outputs.find((output) => output !== "") || op;

/** What a {@link Site} asks of the graph around it. */
export interface Surroundings {
  readonly build: Operations;
  shape(tensor: string): TensorShape;
  /** The values of an integer tensor that can be known before anything runs. */
  integers(tensor: string): readonly number[] | undefined;
  /** The values of a floating-point constant. */
  floats(tensor: string): readonly number[] | undefined;
}

/** One node with the gradients towards its outputs: all that a rule reads. */
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

  /** How errors call the node. */
  get called(): string {
    return `Node "${calledBy(this.node)}" (${this.node.op})`;
  }

  /** The gradient of the loss towards output `index`; zeros where the loss does not depend on it. */
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

  /** Input `index`. Throws a data error where the node lacks it. */
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

  /** Output `index`. */
  output(index = 0): Ref {
    const ref = this.#ref(this.node.outputs[index]);
    if (!ref) throw dataError(`${this.called} lacks output ${index}, which its gradient needs: export it with it.`);
    return ref;
  }

  #ref(name: string | undefined): Ref | undefined {
    return name === undefined || name === "" ? undefined : { name, ...this.#around.shape(name) };
  }

  /** The values of integer input `index`; nothing where it is not given. Throws a data error where they vary. */
  integers(index: number): readonly number[] | undefined {
    const name = this.node.inputs[index];
    if (name === undefined || name === "") return undefined;
    const values = this.#around.integers(name);
    if (values) return values;
    throw dataError(`${this.called} computes "${name}" as it runs, and its gradient needs it constant: ${simplify}.`);
  }

  /** The values of integer input `index` where they are constant. */
  constantIntegers(index: number): readonly number[] | undefined {
    return this.#around.integers(this.node.inputs[index] ?? "");
  }

  /** The values of floating-point input `index` where they are constant. */
  constantFloats(index: number): readonly number[] | undefined {
    return this.#around.floats(this.node.inputs[index] ?? "");
  }

  int = (name: string, fallback: number): number => intAttribute(this.node, name, fallback);
  ints = (name: string): readonly number[] | undefined => intsAttribute(this.node, name);
  float = (name: string, fallback: number): number => floatAttribute(this.node, name, fallback);
  text = (name: string, fallback: string): string => stringAttribute(this.node, name, fallback);

  /** The error for a form of the operator that its rule does not cover. */
  unsupported(form: string): Error {
    return dataError(`${this.called} with ${form} has no gradient rule: freeze the layers up to it, or ${simplify}.`);
  }
}

const simplify = "export the network again in a simpler form";
