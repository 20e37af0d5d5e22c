/**
 * What an architecture is before it has weights: a graph, the parameters it lacks, and the names of its parts.
 * The families are in files beside this one; where weights come from is `../weights/`.
 */
import type { Graph } from "../../graph/model.ts";

/**
 * How fresh values of a parameter are drawn, as the field does for its kind of layer. Fans are counted as PyTorch does
 * (`_calculate_fan_in_and_fan_out`).
 */
export type Initialiser =
  | { readonly kind: "constant"; readonly value: number }
  /** Normal, deviation √(2 / fan): He et al. 2015, arXiv 1502.01852. */
  | { readonly kind: "kaiming-normal"; readonly fan: "in" | "out" }
  /** Uniform in ±√(1 / fan in): what PyTorch gives a layer whose author says nothing. `fanIn` where it is not the tensor's own: a bias has its layer's. */
  | { readonly kind: "fan-in-uniform"; readonly fanIn?: number | undefined }
  | { readonly kind: "normal"; readonly std: number }
  /** Normal, values beyond two deviations drawn again. */
  | { readonly kind: "truncated-normal"; readonly std: number };

/** A tensor that is learned (or, for `running`, measured while learning). */
export interface Parameter {
  readonly dims: readonly number[];
  /**
   * What it is to a training engine: `weight` decays; `bias`, `norm` (scale and shift of a normalisation), `scale` (layer
   * scale) and `token` (class token, position embedding) do not; `running` is batch norm's mean or variance and has no gradient.
   */
  readonly role: "weight" | "bias" | "norm" | "scale" | "token" | "running";
  readonly initialiser: Initialiser;
}

/** A part of a network that may be frozen or trained as a whole. */
export interface Stage {
  /** timm's name of the module: `layer4`, `features.24`, `blocks.6`. */
  readonly name: string;
  /** The tensor in which it ends. */
  readonly output: string;
}

/** Whose arithmetic: Keras pads, places strides and sets epsilons otherwise than timm and torchvision. */
export type Dialect = "timm" | "keras";

/** What may be asked of an architecture. */
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
   * Input `image` float32 `[N, 3, S, S]`, normalised; output `logits` `[N, classes]`. Every parameter is read by its name,
   * which is timm's (`layer1.0.conv1.weight`), and is *not* among the initializers: those hold constants only. Unfused:
   * batch norm is a node of its own.
   */
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** From the input to the features, in order; together they hold every parameter but the classifier's. */
  readonly stages: readonly Stage[];
  /** The tensor that the classifier reads: `[N, features]`. */
  readonly features: { readonly tensor: string; readonly size: number };
  /** What the names of the classifier's parameters begin with: `fc`, `classifier`, `head`. */
  readonly classifier: string;
  readonly inputSize: number;
  /** Names that weight files may hold beyond `parameters`: parts used only while the authors trained. */
  readonly ignored?: readonly RegExp[] | undefined;
}

/** Builds a definition. */
export type Define = (options?: DefinitionOptions) => Definition;

/** A family's variants by name: what each family's file exports, and `registry.ts` gathers. */
export type Family = ReadonlyMap<string, Define>;
