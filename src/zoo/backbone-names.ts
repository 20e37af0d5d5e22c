/** The names of a backbone's tensors, the same for every network. */

/** The prefix of every tensor of the backbone inside an artifact. */
export const BACKBONE = "backbone/";
/** The backbone's input, preprocessed pixels: `[N, 3, S, S]` or `[N, S, S, 3]`. */
export const PIXELS = "pixels";
/** The backbone's output, `[N, D]`. */
export const FEATURES = "features";
