/**
 * The served models by name, and their replacement when a file changes: the new version is opened beside the old one and
 * replaces it in one step; the old one is closed when its last request is answered.
 */

import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { messageOf, usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { readArtifact, readModelFile } from "../model/open-artifact.ts";
import type { UncertaintyRules } from "../model/predict.ts";
import { disagreement, settledModel } from "../run/read.ts";
import type { PredictionEngine } from "./batcher.ts";
import type { VersionId } from "./engine-thread.ts";
import type { Log } from "./metrics.ts";

/** A model as named on the command line. */
export interface ModelSource {
  readonly name: string;
  readonly path: string;
}

/** One state of a model's file, open in the engine. */
export interface ModelVersion {
  readonly id: VersionId;
  readonly name: string;
  readonly classes: readonly string[];
  readonly uncertainty: UncertaintyRules;
  /** SHA-256 of the file. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly loadedAt: string;
  /** Keeps the version open until the returned function is called. */
  hold(): () => void;
}

export interface Models {
  /** In the order of the command line. */
  list(): readonly ModelVersion[];
  /** The current version of a model. */
  find(name: string): ModelVersion | undefined;
  /**
   * Reads the files that have changed, or all with `force`. A file that cannot be opened is logged, and its previous version
   * stays.
   */
  reload(force: boolean): Promise<void>;
}

/** Names are parts of URLs: letters, digits, dots, dashes and underscores, not starting with a dot. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

/**
 * Parses `NAME=FILE` or `FILE`. Without a name, the file's name without `.onnx` is used, or the folder's name for one of
 * several files called `model.onnx`.
 *
 * @throws GraftError (`usage`) if a name cannot be part of a URL, or if two models have the same name
 */
export function modelSources(given: readonly string[]): ModelSource[] {
  const sources = given.map((text): ModelSource => {
    const [, name, path] = /^([^=/\\]*)=(.+)$/.exec(text) ?? [undefined, undefined, text];
    const own = basename(path!).replace(/\.onnx$/i, "");
    return { name: name ?? (own === "model" ? basename(dirname(resolve(path!))) : own), path: path! };
  });
  for (const [i, { name, path }] of sources.entries()) {
    if (!NAME.test(name)) {
      throw usageError(
        `"${name}" is not a valid model name (use letters, digits, ".", "-" and "_"): give a name, as in \`flowers=${path}\`.`,
      );
    }
    const other = sources.slice(0, i).find((source) => source.name === name);
    if (other) {
      throw usageError(
        `${other.path} and ${path} have the same name "${name}": give them names, as in \`first=${other.path} second=${path}\`.`,
      );
    }
  }
  return sources;
}

interface Entry {
  readonly source: ModelSource;
  version: ModelVersion & { readonly retire: () => void };
  stamp: string;
}

/**
 * Opens every model.
 *
 * @throws GraftError if one cannot be opened
 */
export async function openModels(sources: readonly ModelSource[], engine: PredictionEngine, log: Log): Promise<Models> {
  let nextId: VersionId = 0;

  const open = async ({ name, path }: ModelSource): Promise<Entry["version"]> => {
    const at = await settledModel(path);
    const bytes = await readModelFile(at);
    const { classes, uncertainty } = readArtifact(bytes, path);
    const digest = sha256(bytes);
    const mixed = await disagreement(path, digest);
    if (mixed !== undefined) log("warn", "run_mixed", { model: name, path, warning: mixed });
    const id = nextId++;
    await engine.open(id, path, bytes);
    const info = { id, name, classes, uncertainty, sha256: digest, loadedAt: new Date().toISOString() };
    return { ...info, ...countHolders(() => void engine.close(id).catch(() => {})) };
  };

  const entries = new Map<string, Entry>();
  for (const source of sources) {
    const stamp = await stampOf(source.path);
    entries.set(source.name, { source, stamp, version: await open(source) });
  }

  const renew = async (entry: Entry, force: boolean): Promise<void> => {
    const { name, path } = entry.source;
    const stamp = await stampOf(path);
    if (stamp === entry.stamp && !force) return;
    // Tried once, whatever the result: a damaged file is not opened again every second.
    entry.stamp = stamp;
    try {
      const version = await open(entry.source);
      entry.version.retire();
      entry.version = version;
      log("info", "reloaded", { model: name, sha256: version.sha256 });
    } catch (error) {
      log("error", "reload_failed", { model: name, path, error: messageOf(error) });
    }
  };

  let turn: Promise<void> = Promise.resolve();
  return {
    list: () => [...entries.values()].map(({ version }) => version),
    find: (name) => entries.get(name)?.version,
    reload(force) {
      // One at a time: overlapping reloads could replace a newer file with an older one.
      turn = turn.then(async () => {
        for (const entry of entries.values()) await renew(entry, force);
      });
      return turn;
    },
  };
}

/** Calls `onLast` once, when the version is retired and no request holds it. */
function countHolders(onLast: () => void): { hold(): () => void; retire(): void } {
  let holders = 1;
  const release = (): void => {
    holders--;
    if (holders === 0) onLast();
  };
  const hold = (): (() => void) => {
    holders++;
    return release;
  };
  return { hold, retire: release };
}

// Notices changed files by `stat`, because file systems differ in what they report to watchers.

/** What differs after a file was written or replaced; `absent` if there is none. */
export async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return [dev, ino, size, mtimeMs].join(" ");
  } catch {
    return "absent";
  }
}

/**
 * Calls `check` periodically until the returned function is called; calls never overlap.
 *
 * @param periodMs milliseconds from the end of one check to the next
 */
export function repeat(check: () => Promise<void>, periodMs: number): () => void {
  let timer: NodeJS.Timeout;
  let stopped = false;
  const next = (): void => {
    timer = setTimeout(async () => {
      await check();
      if (!stopped) next();
    }, periodMs).unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
