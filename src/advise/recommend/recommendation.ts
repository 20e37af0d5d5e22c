/** The result of a recommendation: plain data, for the command line, the report and library users. */
import type { Interval } from "../../evaluate/interval.ts";
import type { Skipped } from "../../train/features/extract.ts";
import type { Cost } from "../costs/cost.ts";
import type { DomainGap } from "../gap/confidence.ts";
import type { Baseline } from "./gallery.ts";
import type { TransferabilityScores } from "./judge.ts";
import type { LeftOut } from "./options.ts";

/** A network of the race. */
export interface RankedCandidate {
  /** The value of `--network`. */
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  /** Accuracy of a linear probe on as many images as any network saw, in [0, 1]; estimated if this network saw fewer. */
  readonly accuracy: number;
  /** 95%. */
  readonly interval: Interval;
  /** Images of its evaluation, each predicted by a probe that had not seen it. */
  readonly pictures: number;
  /** Whether it cannot be distinguished from the most accurate network on these images. */
  readonly isTied: boolean;
  /** The lead of the most accurate network on the images that both saw, as a share. */
  readonly behind: number;
  /** Log loss of the probe's predictions. */
  readonly logLoss: number;
  readonly scores: TransferabilityScores;
  readonly features: number;
  readonly cost: Cost;
  /** Predicted seconds of training a linear probe on all training images, from the speeds measured here. */
  readonly trainSeconds: number;
  /** Whether no other network is at least as accurate, as fast and as small. */
  readonly isOnFront: boolean;
}

export interface Recommendation {
  /** The name of the recommended network; undefined if none beats the baseline. */
  readonly recommended: string | undefined;
  /** The reason, in one sentence. */
  readonly reason: string;
  /** Best first. */
  readonly candidates: readonly RankedCandidate[];
  readonly leftOut: readonly LeftOut[];
  readonly baseline: Baseline;
  readonly classes: readonly string[];
  /** Images in the sample, and images that the finalists saw. */
  readonly pictures: { readonly available: number; readonly judged: number };
  /** Images that `graft train` will hold out for its test, or that are in a test folder: none of them was used. */
  readonly keptForTest: number;
  readonly skipped: readonly Skipped[];
  /** The domain gap by the best candidate with a classifier of its own. */
  readonly gap: DomainGap | undefined;
  readonly budgetSeconds: number;
  /** Seconds in total, and seconds of downloads, which the budget does not include. */
  readonly seconds: number;
  readonly fetchSeconds: number;
  /** Whether it was stopped early: then the result is what was known by then. */
  readonly interrupted: boolean;
}
