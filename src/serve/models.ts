/**
 * The models that are served, by name, and their replacement by newer files: the new version is opened beside the old one, takes
 * its place in one step, and the old one is closed when the last request that began with it has its answer.
 */

import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { messageOf, usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { readArtifact, readModelFile } from "../model/open-artifact.ts";
import type { UncertaintyRules } from "../model/predict.ts";
import { disagreement, settledModel } from "../run/read.ts";
import type { Engine } from "./batcher.ts";
import type { VersionId } from "./engine-thread.ts";
import type { Log } from "./metrics.ts";

/** A model as it was named on the command line. */
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
  /** Of the file. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly loadedAt: string;
  /** Keeps the version open until the function that it yields is called. */
  hold(): () => void;
}

export interface Models {
  /** In the order of the command line. */
  list(): readonly ModelVersion[];
  /** The present version of a model. */
  find(name: string): ModelVersion | undefined;
  /**
   * Reads the files that have changed since they were read, or all (`force`). A file that cannot be opened is told to the log,
   * and the version before it stays.
   */
  reload(force: boolean): Promise<void>;
}

/** Names are parts of addresses: letters, digits, dots, dashes and underscores, not a dot first. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

/**
 * `NAME=FILE` or `FILE`. Without a name, the file is called as itself without `.onnx`, or, being one `model.onnx` of many, as
 * its folder.
 *
 * @throws GraftError (`usage`) where a name cannot be part of an address, or two models have the same
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
 * @throws GraftError where one cannot be opened
 */
export async function openModels(sources: readonly ModelSource[], engine: Engine, log: Log): Promise<Models> {
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
    // Tried once, whatever comes of it: a damaged file is not opened again every second.
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
      // One at a time: two that overlap could put the older file in the newer one's place.
      turn = turn.then(async () => {
        for (const entry of entries.values()) await renew(entry, force);
      });
      return turn;
    },
  };
}

/** Calls `onLast` once, when the holder of the version itself has retired it and nobody else holds it. */
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

// Noticing that a file has changed, without watching it: file systems differ in what they tell, and all of them answer `stat`.

/** What differs when a file was written or replaced; `absent` where there is none. */
export async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return [dev, ino, size, mtimeMs].join(" ");
  } catch {
    return "absent";
  }
}

/**
 * Calls `check` every so often until the function that it yields is called; never twice at once.
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
