/**
 * The files of a run: their names, the version of what is in them, and how each says which model it belongs to. What the JSON
 * files hold beside that is in facts.ts; writing and reading are files of their own.
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

/** Bytes that the files which are read may have. */
export const runFileLimits: ReadonlyMap<string, number> = new Map([
  [runFiles.metrics, 64 * MiB],
  [runFiles.made, 16 * MiB],
  [runFiles.answers, 128 * MiB],
  [runFiles.model, 2048 * MiB],
]);

/** The structure of the JSON files. */
export const runBounds: JsonBounds = { maxDepth: 32, maxTokens: 5_000_000 };

export type RunFile = (typeof runFiles)[keyof typeof runFiles];

export const runFileNames: readonly RunFile[] = Object.values(runFiles);

/**
 * The version of the JSON files: raised when a key changes its meaning or goes away, not when one is added. Files of before
 * there was one have none.
 */
export const SCHEMA_VERSION = 1;

/** What every JSON file of a run begins with. */
export interface RunHeader {
  readonly schemaVersion: number;
  /** SHA-256 of the run's `model.onnx`, hexadecimal. */
  readonly modelSha256: string;
}

export const runHeader = (modelSha256: string): RunHeader => ({ schemaVersion: SCHEMA_VERSION, modelSha256 });

const inJson = /^\s*\{[^{}[\]]*?"modelSha256":\s*"([0-9a-f]{64})"/;

/** Where a file says which model it belongs to. It is near its beginning. */
const patterns: Readonly<Partial<Record<RunFile, RegExp>>> = {
  [runFiles.made]: inJson,
  [runFiles.answers]: inJson,
  [runFiles.metrics]: inJson,
  [runFiles.report]: /<meta name="modelSha256" content="([0-9a-f]{64})">/,
  [runFiles.card]: /^modelSha256: ([0-9a-f]{64})$/m,
};

/** Bytes of a file in which {@link modelNamedIn} finds what it looks for. */
export const STAMPED_BYTES = 4096;

/** The SHA-256 of the model that a file says it belongs to; nothing in `model.onnx` and in files of before they said so. */
export const modelNamedIn = (name: RunFile, beginning: string): string | undefined =>
  patterns[name]?.exec(beginning)?.[1];

// What a comparison and a recommendation come to outside of this process: the object that is printed and written, the files, and the
// command that follows. How the pages are drawn is for the caller to say.

/** What was found, with what else is to be said of it. */
interface Context {
  /** The command to run next; nothing where there is none. */
  readonly next: string | undefined;
  /** Files and folders of the dataset that did not take part. */
  readonly ignored: readonly Ignored[];
}

/** The command that follows from a verdict, or leads to one; nothing where Graft has none for it. */
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
