/** What a recommendation is: plain data, for the command line, the report and whoever calls the library. */
import type { Interval } from "../../evaluate/interval.ts";
import type { Skipped } from "../../train/features/extract.ts";
import type { Cost } from "../costs/cost.ts";
import type { DomainGap } from "../gap/confidence.ts";
import type { Scores } from "./judge.ts";
import type { LeftOut } from "./options.ts";

/** Always answering the most frequent class. */
export interface Baseline {
  readonly class: string;
  readonly accuracy: number;
}

/** A network that took part. */
export interface RankedCandidate {
  /** What `--network` takes. */
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  /** Of a linear probe on as many pictures as any network saw, in [0, 1]; estimated where this one saw fewer. */
  readonly accuracy: number;
  /** 95%. */
  readonly interval: Interval;
  /** Pictures that it was judged on, each by a probe that had not seen it. */
  readonly pictures: number;
  /** Whether the pictures cannot tell it from the most accurate one. */
  readonly isTied: boolean;
  /** How much more accurate the most accurate one was on the pictures that both saw, as a share. */
  readonly behind: number;
  /** Of the probe's answers to the pictures that it was judged on. */
  readonly logLoss: number;
  readonly scores: Scores;
  readonly features: number;
  readonly cost: Cost;
  /** Of a linear probe on all training pictures, predicted from the speeds here. */
  readonly trainSeconds: number;
  /** Whether nothing else is at least as accurate, as fast and as small. */
  readonly isOnFront: boolean;
}

export interface Recommendation {
  /** The name of the network to take; nothing where none beats the baseline. */
  readonly recommended: string | undefined;
  /** In one sentence. */
  readonly reason: string;
  /** Best first. */
  readonly candidates: readonly RankedCandidate[];
  readonly leftOut: readonly LeftOut[];
  readonly baseline: Baseline;
  readonly classes: readonly string[];
  /** Pictures that the networks might look at, and that the most persistent ones did. */
  readonly pictures: { readonly available: number; readonly judged: number };
  /** Pictures that `graft train` will hold out for its test, or that lie in a test folder: nothing here has looked at them. */
  readonly keptForTest: number;
  readonly skipped: readonly Skipped[];
  /** How far the pictures are from what the first of the candidates with a classifier of its own knows. */
  readonly gap: DomainGap | undefined;
  readonly budgetSeconds: number;
  /** Seconds that it took, and those of them that went into fetching networks, which the budget does not count. */
  readonly seconds: number;
  readonly fetchSeconds: number;
  /** Whether it was stopped before its time: what is said rests on what was known by then. */
  readonly interrupted: boolean;
}
