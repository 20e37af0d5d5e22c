/**
 * An architecture without weights: a graph, the parameters that it needs, and the names of its parts; and the builder that families
 * write them with. The families are in the files beside this one; weights are read in `../weights/`.
 */

import { usageError } from "../../base/errors.ts";
import { type AttributeLike, type Graph, type Node, node, type Tensor } from "../../onnx/model.ts";

/** How fresh values of a parameter are drawn. Fans are counted as in PyTorch (`_calculate_fan_in_and_fan_out`). */
export type Initialiser =
  | { readonly kind: "constant"; readonly value: number }
  /** Normal with standard deviation √(2 / fan): He et al. 2015, arXiv 1502.01852. */
  | { readonly kind: "kaiming-normal"; readonly fan: "in" | "out" }
  /** Uniform in ±√(1 / fan in), PyTorch's default. `fanIn` overrides the tensor's own: a bias uses its layer's. */
  | { readonly kind: "fan-in-uniform"; readonly fanIn?: number | undefined }
  | { readonly kind: "normal"; readonly std: number }
  /** Normal; values beyond two standard deviations are drawn again. */
  | { readonly kind: "truncated-normal"; readonly std: number };

/** A learned tensor, or for `running` one that is measured during training. */
export interface Parameter {
  readonly dims: readonly number[];
  /**
   * Its role in training: weight decay applies to `weight` only; `bias`, `norm` (scale and shift of a normalisation), `scale` (layer
   * scale) and `token` (class token, position embedding) do not decay; `running` is batch norm's mean or variance, without a gradient.
   */
  readonly role: "weight" | "bias" | "norm" | "scale" | "token" | "running";
  readonly initialiser: Initialiser;
}

/** A part of a network that is frozen or trained as a whole. */
export interface Stage {
  /** timm's name of the module: `layer4`, `features.24`, `blocks.6`. */
  readonly name: string;
  /** The tensor that it ends with. */
  readonly output: string;
}

/** The arithmetic of a library: Keras differs from timm and torchvision in padding, strides and epsilons. */
export type Dialect = "timm" | "keras";

export interface DefinitionOptions {
  /** Outputs of the classifier. Default: as published, 1000. */
  readonly classes?: number | undefined;
  /** Side of the input in pixels. Default: as published. */
  readonly inputSize?: number | undefined;
  /** Default `timm`. */
  readonly dialect?: Dialect | undefined;
}

/** An architecture, ready for weights. */
export interface Definition {
  /** timm's name of the architecture: `resnet50`, `vit_small_patch16_224`. */
  readonly name: string;
  /**
   * Input `image` float32 `[N, 3, S, S]`, normalised; output `logits` `[N, classes]`. Nodes read parameters by timm's names
   * (`layer1.0.conv1.weight`), which are *not* among the initializers: those are constants only. Batch norm is not fused.
   */
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** From the input to the features, in order; together they contain every parameter except the classifier's. */
  readonly stages: readonly Stage[];
  /** The tensor that the classifier reads: `[N, features]`. */
  readonly features: { readonly tensor: string; readonly size: number };
  /** The prefix of the classifier's parameters: `fc`, `classifier`, `head`. */
  readonly classifier: string;
  readonly inputSize: number;
  /** Additional names that weight files may contain: parts that only the authors' training used. */
  readonly ignored?: readonly RegExp[] | undefined;
}

/** Builds a definition. */
export type Define = (options?: DefinitionOptions) => Definition;

/** A family's variants by name. Each family's file exports one. */
export type Family = ReadonlyMap<string, Define>;

// The builder of a {@link Definition}: collects nodes, parameters, constants and stages, and tracks the shape of every tensor, so that
// the code of a family reads like its paper. Layers are functions on the builder, in `layers/`.

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
