/**
 * The options and the result of a recommendation: plain data for the command line, the report and library users, and its text. The work is
 * in recommend.ts.
 */
import * as v from "valibot";
import {
  abortSignal,
  above,
  callOf,
  checked,
  type Described,
  flag,
  listenerEntries,
  listOf,
  optionsOf,
  seed,
  text,
} from "../../base/option-schemas.ts";
import type { OnProgress } from "../../base/progress.ts";
import { datasetSchema } from "../../data/dataset/dataset.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import type { Interval } from "../../metrics/intervals.ts";
import type { CatalogueEntry } from "../../networks/catalogue/catalogue.ts";
import type { Network } from "../../networks/network.ts";
import { type OpenOptions, preprocessing } from "../../networks/open-options.ts";
import type { Skipped } from "../../train/features/image-files.ts";
import type { DomainGap } from "../domain-gap.ts";
import type { Baseline } from "./evaluation-sample.ts";
import type { Cost, Remembered } from "./network-cost.ts";
import type { RankedNetwork, RankingReason } from "./ranking.ts";
import type { TransferabilityScores } from "./transferability-scores.ts";

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

// The text: the reason in one sentence, and the command to run next.

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

// The options of `recommend` and `gatherCandidates`.

/** A network that may take part. */
export interface Candidate {
  /** The value of `--network`. */
  readonly name: string;
  /** Its catalogue entry; undefined for a file. */
  readonly entry?: CatalogueEntry | undefined;
  open(options: Pick<OpenOptions, "onProgress">): Promise<Network>;
}

/** A network that was left out, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
  /** Set if a limit of its cost left it out. */
  readonly isOverLimit?: true | undefined;
}

/** Upper limits of a network's cost. */
export interface CostLimits {
  /** Median milliseconds per image. */
  readonly latencyMs?: number | undefined;
  /** Bytes of the trained model. */
  readonly sizeBytes?: number | undefined;
}

export interface GatherOptions {
  /** Uses only what is on this disk. */
  readonly offline?: boolean | undefined;
  /** Files, or names of the catalogue, that are always included. */
  readonly named?: readonly string[] | undefined;
  /** The preprocessing of files. */
  readonly preprocessing?: OpenOptions["preprocessing"] | undefined;
  readonly limits?: CostLimits | undefined;
  readonly remembered?: readonly Remembered[] | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface RecommendOptions {
  readonly dataset: Dataset;
  /** The candidates and what was left out. Default: {@link gatherCandidates} of the catalogue. */
  readonly field?: { readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] } | undefined;
  readonly limits?: CostLimits | undefined;
  /** Seconds for everything except downloads. Default {@link DEFAULT_BUDGET}. */
  readonly budgetSeconds?: number | undefined;
  /** Default 0. The images that `train` holds out for its test with the same seed are not used. */
  readonly seed?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice made and each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborts the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the work early when aborted; the result is what is known by then. */
  readonly stop?: AbortSignal | undefined;
}

/** The default budget in seconds, without downloads. */
export const DEFAULT_BUDGET = 120;

/** A year. */
const MOST_SECONDS = 366 * 86_400;
export const budgetSeconds = above(0, MOST_SECONDS);
export const latencyMs = above(0);
export const sizeBytes = above(0);

const limits = optionsOf({
  latencyMs: v.optional(latencyMs),
  sizeBytes: v.optional(sizeBytes),
} satisfies Described<CostLimits>);

const object = <T>(wanted: string) => v.custom<T>((value) => typeof value === "object" && value !== null, wanted);
const field = v.custom<{ readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] }>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Array.isArray(Reflect.get(value, "candidates")) &&
    Array.isArray(Reflect.get(value, "leftOut")),
  "the result of gatherCandidates",
);

const schema = optionsOf({
  dataset: datasetSchema,
  field: v.optional(field),
  limits: v.optional(limits),
  budgetSeconds: v.optional(budgetSeconds, DEFAULT_BUDGET),
  seed: v.optional(seed, 0),
  ...listenerEntries,
  stop: v.optional(abortSignal),
} satisfies Described<RecommendOptions>);

const gatherSchema = optionsOf({
  offline: v.optional(flag, false),
  named: v.optional(listOf(text("a network's name or the path of an .onnx file"))),
  preprocessing: v.optional(preprocessing),
  limits: v.optional(limits),
  remembered: v.optional(listOf(object<NonNullable<GatherOptions["remembered"]>[number]>("a remembered cost"))),
  onProgress: listenerEntries.onProgress,
} satisfies Described<GatherOptions>);

/** @throws GraftError (`usage`) */
export const checkedRecommendOptions = (options: RecommendOptions) => checked(schema, options, callOf("recommend"));

/** @throws GraftError (`usage`) */
export const checkedGatherOptions = (options: GatherOptions) =>
  checked(gatherSchema, options, callOf("gatherCandidates"));
