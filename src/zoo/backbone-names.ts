/** The names of a backbone's tensors, which hold whatever network it is of. */

/** The prefix of every tensor of the backbone inside an artifact. */
export const BACKBONE = "backbone/";
/** The backbone's input, `[N, 3, S, S]` or `[N, S, S, 3]`, preprocessed. */
export const PIXELS = "pixels";
/** The backbone's output, `[N, D]`. */
export const FEATURES = "features";
