/** The roles of constants in a network, derived from the operators that read them. How each is initialised is decided elsewhere. */

/** The role of a constant at one of its uses. */
export type Role =
  /** Multiplies features; each output sums `fanIn` inputs, and each input contributes to `fanOut` outputs. */
  | { readonly kind: "weight"; readonly fanIn: number; readonly fanOut: number; readonly output: string }
  | { readonly kind: "bias" }
  /** The scale of a normalisation or of channels. */
  | { readonly kind: "scale" }
  | { readonly kind: "shift" }
  | { readonly kind: "mean" }
  | { readonly kind: "variance" }
  /** The scale of a residual branch (Touvron et al. 2021, arXiv 2103.17239). */
  | { readonly kind: "layer scale" }
  /** The slope of a parametric rectifier below zero. */
  | { readonly kind: "slope" }
  /** Class token, position embedding, table of embeddings. */
  | { readonly kind: "token" }
  /** Not learned: bounds, epsilons, sizes, preprocessing. */
  | { readonly kind: "constant" };
