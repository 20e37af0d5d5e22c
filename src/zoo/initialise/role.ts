/** What a constant is to the network. How each role is drawn is in draw.ts; how it is told is in roles.ts. */

/** The part that a constant plays where it is read. */
export type Role =
  /** Multiplies features; each output is a sum over `fanIn` of them, and each input reaches `fanOut` outputs. */
  | { readonly kind: "weight"; readonly fanIn: number; readonly fanOut: number; readonly output: string }
  | { readonly kind: "bias" }
  /** Scale and shift of a normalisation, or of channels. */
  | { readonly kind: "scale" }
  | { readonly kind: "shift" }
  | { readonly kind: "mean" }
  | { readonly kind: "variance" }
  /** The scale of a residual branch (Touvron et al. 2021, arXiv 2103.17239). */
  | { readonly kind: "layer scale" }
  /** Of a parametric rectifier, below zero. */
  | { readonly kind: "slope" }
  /** Class token, position embedding, table of embeddings. */
  | { readonly kind: "token" }
  /** Nothing that is learned: bounds, epsilons, sizes, what prepares pixels. */
  | { readonly kind: "constant" };
