/** A finished training with all that is told of it: what the files of a run are made from. */
import type { Audit } from "../audit/audit.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import type { TrainResult } from "../train/train-dataset.ts";
import type { Consumption, ReportExplanation } from "./report-input.ts";

/** All there is to say of one training. */
export interface TrainRun {
  readonly result: TrainResult;
  readonly dataset: Dataset;
  readonly datasetPath: string;
  readonly seed: number;
  readonly out: string;
  /** Seconds of what is not the training's own. */
  readonly timings: {
    /** From the start of the process to that of the command. */
    readonly startUp: number;
    /** Reading the dataset's layout, and opening the network. */
    readonly open: number;
    readonly audit: number;
    readonly explanations: number;
  };
  /** Seconds since the command began. */
  readonly seconds: () => number;
  /** What was found in the data; nothing where it was not audited. */
  readonly audit: Audit | undefined;
  readonly explanations: readonly ReportExplanation[];
  readonly consumption: () => Promise<Consumption>;
}
