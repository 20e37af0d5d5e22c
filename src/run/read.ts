/**
 * Reads the files of a run, and creates and locks its folder. Finishes an interrupted replacement first (base/replace.ts), and
 * never mixes files of different models.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { open, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, dataError, GraftError } from "../base/errors.ts";
import { inFolder, sha256OfFile } from "../base/files.ts";
import { isBoundedJson } from "../base/json-bounds.ts";
import { withLock } from "../base/lock.ts";
import { type Settled, settle } from "../base/replace.ts";
import { readFailure } from "../base/system-errors.ts";
import {
  modelNamedIn,
  type RunFile,
  runBounds,
  runFileLimits,
  runFileNames,
  runFiles,
  STAMPED_BYTES,
} from "./run-files.ts";
import {
  damaged,
  madeSchema,
  metricsSchema,
  parseRunFile,
  predictionsSchema,
  type ReadMade,
  type ReadMetrics,
  type ReadPredictions,
} from "./schema.ts";

/** A finished run. */
export interface ReadRun {
  readonly metrics: ReadMetrics;
  readonly made: ReadMade;
  readonly model: { readonly path: string; readonly bytes: number; readonly sha256: string };
}

/** Finishes an interrupted replacement in a run's folder, and returns where its files are. Cheap if there is none. */
export const settleRun = (folder: string): Promise<Settled> => settle(folder, runFileNames);

/**
 * The path at which to read a model, after an interrupted replacement in its folder is finished. A file whose name is not a run
 * file's belongs to no run.
 */
export async function settledModel(path: string): Promise<string> {
  if (basename(path) !== runFiles.model) return path;
  return (await settleRun(dirname(path))).path(runFiles.model);
}

/**
 * What is wrong if files beside a model belong to another one, as a sentence; undefined if all is well or there are no such
 * files.
 *
 * @param path of the model
 * @param sha256 of its bytes, as they were read
 */
export async function disagreement(path: string, sha256: string): Promise<string | undefined> {
  if (basename(path) !== runFiles.model) return undefined;
  const folder = dirname(path);
  const at = await settleRun(folder);
  const other = [...(await modelsNamed(at))].find(([, model]) => model !== sha256);
  if (!other) return undefined;
  // The model was replaced after it was read, so these are not its files.
  const model = await modelAt(at.path(runFiles.model));
  return model?.sha256 === sha256 ? mixedText(folder, other, sha256) : undefined;
}

const mixedText = (folder: string, [name, model]: readonly [RunFile, string], sha256: string): string =>
  `The files in ${folder} are of different trainings: ${name} is of the model ${model.slice(0, 12)}…, and ${runFiles.model} is ${sha256.slice(0, 12)}…: train again into that folder, or put back the files that belong together.`;

/** The model that each file of a folder names, for files that name one. */
async function modelsNamed(at: Settled): Promise<ReadonlyMap<RunFile, string>> {
  const named = new Map<RunFile, string>();
  for (const name of runFileNames) {
    const model = modelNamedIn(name, await beginningOf(at.path(name)));
    if (model !== undefined) named.set(name, model);
  }
  return named;
}

async function beginningOf(path: string): Promise<string> {
  const isFile = await stat(path)
    .then((found) => found.isFile())
    .catch(() => false);
  const file = isFile ? await open(path, "r").catch(() => undefined) : undefined;
  if (!file) return "";
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(STAMPED_BYTES), 0, STAMPED_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  } finally {
    await file.close();
  }
}

/** How often to read a run again that is being replaced, and how long to wait before, in milliseconds. */
const [TRIES, PAUSE] = [4, 50];

/**
 * Reads a run; undefined if the folder has no finished one.
 *
 * @throws GraftError (`data`) if a file is damaged or from a newer Graft; with the code `run-mixed` if the files are from
 *   different trainings
 */
export const readRun = (folder: string): Promise<ReadRun | undefined> => readWith(folder, async () => ({}));

/** {@link readRun} with the model's predictions for the test images. */
export const readRunPredictions = (
  folder: string,
): Promise<(ReadRun & { readonly answers: ReadPredictions }) | undefined> =>
  readWith(folder, async (at) => {
    const answers = await parsedAt(at, folder, runFiles.answers, predictionsSchema);
    return answers && { answers };
  });

/** Reads until all files are of one run. */
async function readWith<T>(
  folder: string,
  more: (at: Settled) => Promise<T | undefined>,
): Promise<(ReadRun & T) | undefined> {
  for (let attempt = 1; ; attempt++) {
    const at = await settleRun(folder);
    const metrics = await parsedAt(at, folder, runFiles.metrics, metricsSchema);
    const made = await parsedAt(at, folder, runFiles.made, madeSchema);
    const rest = await more(at);
    const model = await modelAt(at.path(runFiles.model));
    if (!metrics || !made || !rest || !model) return undefined;
    const other = [...(await modelsNamed(at))].find(([, named]) => named !== model.sha256);
    if (!other) return { metrics, made, model, ...rest };
    if (attempt === TRIES) throw dataError(mixedText(folder, other, model.sha256), undefined, "run-mixed");
    await sleep(PAUSE);
  }
}

/** How a model was made, from the `graft.json` in its folder; undefined if there is none. Throws as {@link readRun}. */
export const readMade = async (folder: string): Promise<ReadMade | undefined> =>
  parsedAt(await settleRun(folder), folder, runFiles.made, madeSchema);

async function parsedAt<S extends Parameters<typeof parseRunFile>[0]>(
  at: Settled,
  folder: string,
  name: RunFile,
  schema: S,
): Promise<ReturnType<typeof parseRunFile<S>> | undefined> {
  const shown = join(folder, name);
  const text = await textOf(at.path(name), name, shown);
  return text === undefined ? undefined : parseRunFile(schema, shown, text);
}

/** The text of a JSON file; undefined if there is none. Its size is limited because anyone may have written it. */
async function textOf(path: string, name: RunFile, shown: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    // Opening a pipe would block.
    if (!found.isFile()) throw damaged(shown, "it is not a file");
    const limit = runFileLimits.get(name)!;
    if (found.size > limit) throw damaged(shown, `it has more than ${limit / 2 ** 20} MiB`);
    const bytes = await readFile(path);
    if (!isBoundedJson(bytes, runBounds)) throw damaged(shown, "it has more values than Graft writes there");
    return bytes.toString("utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error instanceof GraftError ? error : readFailure(path, error);
  }
}

/** Digests of models by path, valid while the file is unchanged: a list of runs is read often. */
const digests = new Map<string, { readonly stamp: string; readonly sha256: string }>();

async function modelAt(path: string): Promise<ReadRun["model"] | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const stamp = [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(" ");
  const known = digests.get(path);
  const sha256 = known?.stamp === stamp ? known.sha256 : await sha256OfFile(path);
  digests.set(path, { stamp, sha256 });
  return { path, bytes: found.size, sha256 };
}

// The folder of a run during a training: created, locked, and with a checkpoint until the training has ended.

/** The lock of a run's folder. */
export const RUN_LOCK = ".graft-lock";

/** The checkpoint that a stopped fine-tuning leaves and a finished one removes. */
export const CHECKPOINT = "checkpoint.safetensors";

const held = new AsyncLocalStorage<string>();

/**
 * Does work in the folder `out`, which is created if needed and locked meanwhile. Nested calls for the same folder share the
 * lock: a command holds the folder while it trains, and saving takes it too.
 *
 * @throws GraftError (`work`) if another process uses the folder (code `in-use`), or if the disk refuses
 */
export async function inRunFolder<T>(out: string, work: () => Promise<T>): Promise<T> {
  const folder = resolve(out);
  if (held.getStore() === folder) return work();
  const options = { whenHeld: "fail", what: `the folder ${out}` } as const;
  return inFolder(out, () => withLock(join(out, RUN_LOCK), options, () => held.run(folder, work)));
}
