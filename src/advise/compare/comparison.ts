/** What a comparison of roads is: plain data, for the command line, the report and whoever calls the library. */
import type { Skipped } from "../../train/features/extract.ts";
import type { DomainGap } from "../gap/confidence.ts";
import type { Baseline } from "../recommend/recommendation.ts";
import type { Curve, Savings } from "./curve.ts";
import type { Road } from "./run.ts";
import type { Lead, Verdict } from "./verdict.ts";

export interface Comparison {
  readonly verdict: Verdict["verdict"];
  /** The verdict and what backs it, in words. */
  readonly reason: string;
  /** The lead that backs the verdict, with its interval; nothing where there is none. */
  readonly evidence: Lead | undefined;
  readonly leads: readonly Lead[];
  /** One a road that was taken. */
  readonly roads: readonly Curve[];
  /** What one road would need to catch up with another, where that can be told. */
  readonly savings: Savings | undefined;
  readonly baseline: Baseline;
  readonly classes: readonly string[];
  readonly network: { readonly name: string; readonly description: string; readonly licence: string };
  /** The network that learns from nothing, in words, and how it was tuned. */
  readonly scratch: { readonly network: string; readonly learningRate: number; readonly augment: string } | undefined;
  /** What fine-tuning trained: as for `--unfreeze`. */
  readonly unfreeze: string;
  /** Readable pictures that took part, the most that one training learned from, and how many each was judged on. */
  readonly pictures: { readonly available: number; readonly learned: number; readonly judged: number };
  readonly keptForTest: number;
  readonly skipped: readonly Skipped[];
  readonly gap: DomainGap | undefined;
  /** Runs that there was no time for. */
  readonly leftOut: readonly { readonly road: Road; readonly pictures: number; readonly seed: number }[];
  readonly budgetSeconds: number;
  readonly seconds: number;
  readonly interrupted: boolean;
}
