/** What a training in memory is given; shared by its parts. */
import type { OnProgress } from "../../base/progress.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import type { OpenModel } from "../../runtime/session.ts";
import type { Network } from "../../zoo/network.ts";
import type { Effort } from "../effort.ts";
import type { RecipeFlags } from "../finetune/recipe.ts";

/** A picture to learn from. */
export interface InMemoryExample {
  readonly label: string;
  /** Examples of one group (a recording, a patient, a burst) are never separated by a split. Copies are found without it. */
  readonly group?: string | undefined;
  /** Its pixels; called once or twice. Throws GraftError (`data`) where it cannot be read, and is then left out. */
  readonly read: () => Promise<RgbImage>;
}

export interface InMemoryOptions extends RecipeFlags {
  readonly network: Network;
  readonly examples: readonly InMemoryExample[];
  /** `none` trains the head alone; else a stage, `all`, or a number of last stages. Default `none`. */
  readonly unfreeze?: string | undefined;
  /** Default 0. The same seed gives the same split, folds, batches and views. */
  readonly seed?: number | undefined;
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How much is tried before the features are settled on, by cross-validation. `quick` (default): cuts of the network that cost no time.
   * `better`: all of its cuts, and the mean over mirrored views. A fine-tuning starts from the network's own cut.
   */
  readonly effort?: Effort | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice, and for each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Ends the training with the signal's reason, between two steps. */
  readonly signal?: AbortSignal | undefined;
}

/** What the place where it runs has. */
export interface Surroundings {
  readonly open: OpenModel;
  /** Bytes that the engine may take for a step. */
  readonly available: number;
  /** Whether the engine computes with half precision; what is kept then takes half the room. */
  readonly halfPrecision: boolean;
  /** Bytes that may be kept of all pictures' views. */
  readonly kept: number;
  /** Awaited between steps, so that a page can draw itself meanwhile. */
  readonly pause: () => Promise<void>;
}

/** Pictures of a run of the frozen part. A page stands still for as long as one takes. */
export const FRONT_BATCH = 8;
