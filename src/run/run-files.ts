/**
 * The files of a run: their names, limits and format version, and how each names the model that it belongs to; also the files
 * of a comparison and a recommendation. What the JSON files contain is in facts.ts; save.ts writes and read.ts reads.
 */

import { join } from "node:path";
import type { Comparison } from "../advise/compare/comparison.ts";
import { nextCommand, type Recommendation } from "../advise/recommend/recommendation.ts";
import { makeFolder, writeWhole } from "../base/files.ts";
import type { JsonBounds } from "../base/json-bounds.ts";
import type { Ignored } from "../data/dataset/discover.ts";

/** The files that a finished training leaves in its folder. */
export const runFiles = {
  model: "model.onnx",
  made: "graft.json",
  answers: "answers.json",
  report: "report.html",
  card: "card.md",
  metrics: "metrics.json",
} as const;

const MiB = 2 ** 20;

/** The maximum size of the files that are read, in bytes. */
export const runFileLimits: ReadonlyMap<string, number> = new Map([
  [runFiles.metrics, 64 * MiB],
  [runFiles.made, 16 * MiB],
  [runFiles.answers, 128 * MiB],
  [runFiles.model, 2048 * MiB],
]);

/** Limits on the structure of the JSON files. */
export const runBounds: JsonBounds = { maxDepth: 32, maxTokens: 5_000_000 };

export type RunFile = (typeof runFiles)[keyof typeof runFiles];

export const runFileNames: readonly RunFile[] = Object.values(runFiles);

/**
 * The version of the JSON files. It increases when a key changes its meaning or is removed, not when one is added. The oldest
 * files have none.
 */
export const SCHEMA_VERSION = 1;

/** The first keys of every JSON file of a run. */
export interface RunHeader {
  readonly schemaVersion: number;
  /** SHA-256 of the run's `model.onnx`, hexadecimal. */
  readonly modelSha256: string;
}

export const runHeader = (modelSha256: string): RunHeader => ({ schemaVersion: SCHEMA_VERSION, modelSha256 });

const inJson = /^\s*\{[^{}[\]]*?"modelSha256":\s*"([0-9a-f]{64})"/;

/** Where a file names its model; it is near the beginning. */
const patterns: Readonly<Partial<Record<RunFile, RegExp>>> = {
  [runFiles.made]: inJson,
  [runFiles.answers]: inJson,
  [runFiles.metrics]: inJson,
  [runFiles.report]: /<meta name="modelSha256" content="([0-9a-f]{64})">/,
  [runFiles.card]: /^modelSha256: ([0-9a-f]{64})$/m,
};

/** Bytes of a file that {@link modelNamedIn} needs. */
export const STAMPED_BYTES = 4096;

/** The SHA-256 of the model that a file names; undefined for `model.onnx` and for the oldest files. */
export const modelNamedIn = (name: RunFile, beginning: string): string | undefined =>
  patterns[name]?.exec(beginning)?.[1];

// Comparisons and recommendations outside of this process: the printed object, the files, and the command to run next. The
// caller provides the functions that render pages.

/** A result, and what is printed with it. */
interface Context {
  /** The command to run next; undefined if there is none. */
  readonly next: string | undefined;
  /** Files and folders of the dataset that did not take part. */
  readonly ignored: readonly Ignored[];
}

/** The command that follows from a verdict, or leads to one; undefined if Graft has none. */
export function commandAfter(
  { verdict, unfreeze, needs, scratch }: Comparison,
  dataset: string,
  network: string,
): string | undefined {
  const again = nextCommand(dataset, network, "compare");
  if (verdict === "transfer") return nextCommand(dataset, network);
  if (verdict === "fine-tune") return `${nextCommand(dataset, network)} --unfreeze ${unfreeze}`;
  if (verdict === "scratch" && scratch) {
    const { name, learningRate, augment, epochs: count } = scratch;
    return `${nextCommand(dataset, name)} --from-scratch --learning-rate ${learningRate} --augment ${augment} --epochs ${count}`;
  }
  if (needs?.budgetSeconds !== undefined) return `${again} --budget ${Math.round(needs.budgetSeconds / 60)}m`;
  return needs?.moreEpochs === undefined ? undefined : `${again} --epochs ${needs.moreEpochs}`;
}

/** The object of `graft compare --json`. */
export function comparisonFacts(found: Comparison, { next, ignored }: Context) {
  const { verdict, roads, evidence, savings, scratch, gap, needs, budgetSeconds, epochs, ...rest } = found;
  return {
    verdict,
    ...rest,
    evidence: evidence ?? null,
    savings: savings ?? null,
    scratch: scratch ?? null,
    gap: gap ?? null,
    needs: needs ?? null,
    budgetSeconds: budgetSeconds ?? null,
    epochs: epochs ?? null,
    next: next ?? null,
    roads,
    ignored,
  };
}

/** The object of `graft recommend --json`. */
export function recommendationFacts(found: Recommendation, { next, ignored }: Context) {
  const { recommended, candidates, ...rest } = found;
  return { recommended: recommended ?? null, ...rest, gap: rest.gap ?? null, next: next ?? null, candidates, ignored };
}

/** Writes `comparison.json` and `comparison.html`, or those of a recommendation; returns the path of the page. */
export async function writeAdvice(
  folder: string,
  name: "comparison" | "recommendation",
  { facts, page }: { readonly facts: object; readonly page: string },
): Promise<string> {
  const path = join(folder, `${name}.html`);
  await makeFolder(folder);
  await writeWhole(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
  await writeWhole(path, page);
  return path;
}
