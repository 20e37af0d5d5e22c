/**
 * The files of a run: their names, the version of what is in them, and how each says which model it belongs to. What the JSON
 * files hold beside that is in facts.ts; writing and reading are files of their own.
 */

import type { JsonBounds } from "../base/json-bounds.ts";

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
