/** The result of a recommendation: plain data, for the command line, the report and library users. */
import type { Interval } from "../../metrics/accuracy-interval.ts";
import type { Skipped } from "../../train/features/file-features.ts";
import type { DomainGap } from "../domain-gap.ts";
import type { TransferabilityScores } from "../scores/probe-evaluation.ts";
import type { Baseline } from "./evaluation-sample.ts";
import type { Cost } from "./network-cost.ts";
import type { RankedNetwork, RankingReason } from "./ranking.ts";
import type { LeftOut } from "./recommend-options.ts";

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

// The text of a recommendation: the reason in one sentence, and the command to run next.

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
const points = (share: number): string => {
  const value = (100 * share).toFixed(1);
  return `${value} point${value === "1.0" ? "" : "s"}`;
};

/** Names joined with commas and "and". */
const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** Below this number of images the text calls them too few. */
const FEW_PICTURES = 150;

/** The reason in one sentence. */
export function reasonFor(
  why: RankingReason,
  chosen: RankedNetwork | undefined,
  baseline: Baseline,
  pictures: number,
): string {
  switch (why.kind) {
    case "nothing-learned":
      return (
        `No network beats always predicting "${baseline.class}" (${percent(baseline.accuracy)}) on ${pictures} images by more than chance: ` +
        `check that the labels describe something visible, or add images.`
      );
    case "best":
      return why.second === undefined
        ? `${chosen!.name} is the only network in the race, and it beats always predicting "${baseline.class}" (${percent(baseline.accuracy)}).`
        : `${chosen!.name} is the most accurate, ${points(why.lead)} ahead of ${why.second} on the same images, which is more than chance.`;
    case "cheaper":
      return (
        `${chosen!.name} is ${why.faster.toFixed(1)} times as fast as ${why.leader} and ` +
        `${why.behind <= 0 ? "no less accurate" : `only ${points(why.behind)} behind it`}, a difference within chance on ${pictures} images.`
      );
    case "tied":
      return (
        `${chosen!.name} came out best, but ${pictures < FEW_PICTURES ? `${pictures} images are too few to tell it from` : `the ${pictures} images cannot tell it from`} ` +
        `${listed(why.others)}: any of them may be the best.`
      );
  }
}

/** A word quoted for the shell. */
const quoted = (word: string): string => (/^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The command that trains on the dataset with a network, or another command on both. */
export const nextCommand = (dataset: string, network: string, command = "train"): string =>
  `graft ${command} ${quoted(dataset)} --network ${quoted(network)}`;
