/**
 * An architecture without weights: a graph, the parameters that it needs, and the names of its parts. The families are in the files
 * beside this one; weights are read in `../weights/`.
 */
import type { Graph } from "../../graph/model.ts";

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
