/**
 * Builds a {@link Definition}: collects nodes, parameters, constants and stages, and tracks the shape of every tensor, so that the code
 * of a family reads like its paper. Layers are functions on the builder, in `layers/`.
 */
import { usageError } from "../../base/errors.ts";
import { type AttributeLike, type Node, node } from "../../graph/model.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Definition, DefinitionOptions, Dialect, Initialiser, Parameter, Stage } from "./definition.ts";

/** A tensor of the graph. `dims` are those of one image: a map `[C, H, W]`, tokens `[T, C]`, a vector `[C]`. */
export interface Place {
  readonly name: string;
  readonly dims: readonly number[];
}

/** An architecture as it was published. */
export interface Published {
  readonly name: string;
  /** Side of the input in pixels. */
  readonly inputSize: number;
  /** Default: only `timm`. */
  readonly dialects?: readonly Dialect[] | undefined;
}

/** Collects the parts of one architecture. */
export interface ArchitectureBuilder {
  /** The input: `[3, S, S]`. */
  readonly image: Place;
  readonly classes: number;
  readonly dialect: Dialect;
  /** Adds a node with one output, both called `name`, and returns the output. Inputs may be names of tensors. */
  add(
    op: string,
    inputs: readonly (Place | string)[],
    name: string,
    dims: readonly number[],
    attributes?: Readonly<Record<string, AttributeLike>>,
  ): Place;
  /** Declares a parameter and returns its name. */
  parameter(name: string, dims: readonly number[], role: Parameter["role"], initialiser: Initialiser): string;
  /** Declares a constant and returns its name; the same constant may be declared again. */
  constant(name: string, tensor: Tensor): string;
  /** Ends the stage `name` at `end`, and returns `end`. */
  stage(name: string, end: Place): Place;
  /** The finished definition; `logits` is its output. */
  finish(end: {
    readonly features: Place;
    readonly logits: Place;
    readonly classifier: string;
    readonly ignored?: readonly RegExp[] | undefined;
  }): Definition;
}

/**
 * Starts an architecture.
 *
 * @throws GraftError (`usage`) if it does not have the dialect, or the size or number of classes is not an integer >= 1
 */
export function createArchitecture(published: Published, options: DefinitionOptions = {}): ArchitectureBuilder {
  const { name } = published;
  const { classes = 1000, inputSize = published.inputSize, dialect = "timm" } = options;
  checkCount(`${name}'s number of classes`, classes);
  checkCount(`${name}'s input size`, inputSize);
  const { dialects = ["timm"] } = published;
  if (!dialects.includes(dialect))
    throw usageError(
      `${name} is available as ${dialects.join(" and ")} only, not as ${dialect}: pass weights made for that.`,
    );

  const nodes: Node[] = [];
  const parameters = new Map<string, Parameter>();
  const initializers = new Map<string, Tensor>();
  const stages: Stage[] = [];
  const taken = new Set(["image"]);
  const claim = (tensor: string): void => {
    if (taken.has(tensor)) throw new RangeError(`${name} has two tensors "${tensor}".`);
    taken.add(tensor);
  };
  const image: Place = { name: "image", dims: [3, inputSize, inputSize] };

  return {
    image,
    classes,
    dialect,
    add(op, inputs, output, dims, attributes = {}) {
      if (!dims.every((size) => size >= 1))
        throw usageError(
          `${name} cannot process images of ${inputSize} px: nothing is left at "${output}"; use larger images.`,
        );
      claim(output);
      nodes.push(
        node(
          op,
          inputs.map((input) => (typeof input === "string" ? input : input.name)),
          [output],
          attributes,
        ),
      );
      return { name: output, dims };
    },
    parameter(parameter, dims, role, initialiser) {
      claim(parameter);
      parameters.set(parameter, { dims, role, initialiser });
      return parameter;
    },
    constant(constant, tensor) {
      if (!initializers.has(constant)) claim(constant);
      initializers.set(constant, tensor);
      return constant;
    },
    stage(stage, end) {
      stages.push({ name: stage, output: end.name });
      return end;
    },
    finish({ features, logits, classifier, ignored }) {
      return {
        name,
        graph: {
          name,
          nodes,
          inputs: [{ name: image.name, type: "float32", dims: ["N", ...image.dims] }],
          outputs: [{ name: logits.name, type: "float32", dims: ["N", ...logits.dims] }],
          initializers,
        },
        parameters,
        stages,
        features: { tensor: features.name, size: features.dims[0]! },
        classifier,
        inputSize,
        ignored,
      };
    },
  };
}

function checkCount(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw usageError(`${what} must be an integer >= 1, not ${value}.`);
}
