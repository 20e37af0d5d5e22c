/**
 * The trainings of a project, one at a time. Each is a `graft train` process that writes into the run's folder and outlives the
 * studio: the next studio finds it running. record.ts reads the folder.
 */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dataError, messageOf, usageError, workError } from "../../base/errors.ts";
import { makeFolder, writeWhole } from "../../base/files.ts";
import { named } from "../../base/text.ts";
import { readRunPredictions } from "../../run/read.ts";
import type { RunInfo, RunResults, RunSettings } from "../api.ts";
import type { Paths } from "../project/layout.ts";
import { openToWrite } from "../project/own-files.ts";
import { launch, readSettings, trainArgs } from "./launch.ts";
import { createLog, follow } from "./log.ts";
import { type FoundRun, files, isHeld, type RunRecord, readRun } from "./record.ts";

export interface Runs {
  /** The newest first. */
  list(): Promise<RunInfo[]>;
  /** Folders in {@link Runs.list} that are not runs, a sentence each. */
  damage(): readonly string[];
  /** Throws a usage error if there is no such run. */
  get(id: string): Promise<RunInfo>;
  results(id: string): Promise<RunResults>;
  start(settings: RunSettings): Promise<RunInfo>;
  /** Asks a run to stop in an orderly way; its results so far are kept. */
  stop(id: string): Promise<void>;
  resume(id: string): Promise<RunInfo>;
  remove(id: string): Promise<void>;
  folder(id: string): string;
  /** Stops following; with `stopping`, also stops the running training and waits for it, at most `waitMs` milliseconds. */
  close(stopping: boolean, waitMs?: number): Promise<void>;
}

export interface RunsOptions {
  readonly paths: Paths;
  /** The program and arguments that start `graft`. */
  readonly command: readonly string[];
  /** Options of `graft train` for a network, such as the preprocessing of a file. */
  readonly networkArgs: (network: string) => readonly string[];
  /** The networks that a training may use. */
  readonly networks: readonly string[];
  readonly onChange: (run: RunInfo) => void;
}

/** The id of a run: the time of its start. */
const RUN_ID = /^\d{8}-\d{6}(-\d{1,6})?$/;

const damageOf = (id: string, reason: string): string =>
  `The training in .graft/runs/${id} cannot be shown: ${reason.replace(/\.$/, "")}. Its files were not changed.`;

/** The time for an orderly stop, before a run is killed, in milliseconds. */
const STOP_LIMIT_MS = 20_000;

export async function openRuns({ paths, command, networks, networkArgs, onChange }: RunsOptions): Promise<Runs> {
  const root = paths.runs;
  const children = new Map<string, ChildProcess>();
  const followed = new Map<string, () => void>();
  const folder = (id: string): string => {
    if (!RUN_ID.test(id)) throw usageError(`There is no training "${named(id)}".`);
    return join(root, id);
  };
  const read = (id: string): Promise<FoundRun> => readRun(folder(id), id, children.has(id));
  const get = async (id: string): Promise<RunInfo> => {
    const run = await read(id);
    if (run.kind === "absent")
      throw usageError(`There is no training "${id}". Reload the page to see the current ones.`);
    if (run.kind === "damaged") throw dataError(damageOf(id, run.reason));
    return run.value;
  };
  let damage: readonly string[] = [];
  const list = async (): Promise<RunInfo[]> => {
    const names = (await readdir(root).catch((): string[] => [])).filter((name) => RUN_ID.test(name));
    const runs: RunInfo[] = [];
    const damaged: string[] = [];
    // One after the other: each is read as a whole, and there may be any number.
    for (const id of names.sort().reverse()) {
      const run = await read(id);
      if (run.kind === "read") runs.push(run.value);
      if (run.kind === "damaged") damaged.push(damageOf(id, run.reason));
    }
    damage = damaged;
    return runs;
  };
  const isRunning = async (id: string): Promise<boolean> => children.has(id) || (await isHeld(folder(id)));

  /** Reports the progress of a run as its log grows, until it ends. A run that is removed meanwhile needs no report. */
  const watch = (id: string): void => {
    if (followed.has(id)) return;
    followLog(id).catch((error: unknown) =>
      process.stderr.write(`The training ${id} cannot be followed: ${messageOf(error)}\n`),
    );
  };
  const followLog = async (id: string): Promise<void> => {
    const controller = new AbortController();
    followed.set(id, () => controller.abort());
    try {
      const run = await get(id);
      const log = createLog();
      const isStillRunning = (): Promise<boolean> => isRunning(id);
      await follow(join(folder(id), files.events), isStillRunning, controller.signal, (lines) => {
        for (const line of lines) log.add(line);
        const { epochs, notes, progress } = log.summary();
        onChange({ ...run, epochs, notes, state: { kind: "running", progress } });
      });
      const ended = controller.signal.aborted ? undefined : await read(id);
      if (ended?.kind === "read") onChange(ended.value);
    } finally {
      followed.delete(id);
    }
  };

  const begin = async (id: string, settings: RunSettings, resume: boolean): Promise<RunInfo> => {
    const args = [...trainArgs(paths.root, folder(id), settings, resume), ...networkArgs(settings.network)];
    const child = await launch(folder(id), [...command, ...args], () => children.delete(id));
    children.set(id, child);
    watch(id);
    return get(id);
  };

  const stop = async (id: string): Promise<void> => {
    if (!(await isRunning(id))) throw usageError("The training is not running.");
    await (await openToWrite(join(folder(id), files.stop), "replace")).close();
  };
  const refuseWhileRunning = async (): Promise<void> => {
    if ((await list()).some(({ state }) => state.kind === "running"))
      throw workError("A training is already running. Wait until it ends, or stop it.");
  };

  for (const { id, state } of await list()) if (state.kind === "running") watch(id);

  return {
    list,
    damage: () => damage,
    get,
    folder,
    async results(id) {
      const run = await get(id);
      if (run.state.kind !== "done") throw usageError("The training has no results yet, because it is not finished.");
      return readResults(folder(id));
    },
    async start(settings) {
      await refuseWhileRunning();
      const stamp = new Date().toISOString();
      const name = `${stamp.slice(0, 10).replaceAll("-", "")}-${stamp.slice(11, 19).replaceAll(":", "")}`;
      const others = await readdir(root).catch((): string[] => []);
      let id = name;
      for (let i = 2; others.includes(id); i++) id = `${name}-${i}`;
      await makeFolder(folder(id));
      const record: RunRecord = { createdAt: stamp, settings };
      await writeWhole(join(folder(id), files.record), JSON.stringify(record));
      return begin(id, settings, false);
    },
    stop,
    async resume(id) {
      await refuseWhileRunning();
      const { settings, state } = await get(id);
      if (state.kind === "done") throw usageError("The training is finished. Start another one.");
      // Its run.json may come from anyone: it gets no more than the page could ask for.
      return begin(id, readSettings(settings, networks), true);
    },
    async remove(id) {
      const { state } = await get(id);
      if (state.kind === "running") throw usageError("The training is running. Stop it first.");
      // Renamed first, so that a crash leaves no half of a run.
      const gone = join(paths.trash, `run-${id}-${randomBytes(4).toString("hex")}`);
      await makeFolder(paths.trash);
      await rename(folder(id), gone);
      await rm(gone, { recursive: true, force: true });
    },
    async close(stopping, waitMs = STOP_LIMIT_MS) {
      if (stopping) {
        for (const id of followed.keys()) await stop(id).catch(() => {});
        const until = performance.now() + waitMs;
        // A run is followed as long as it is running.
        while (followed.size > 0 && performance.now() < until) await sleep(50);
        for (const child of children.values()) child.kill("SIGKILL");
      }
      for (const end of followed.values()) end();
    },
  };
}

async function readResults(folder: string): Promise<RunResults> {
  const run = await readRunPredictions(folder);
  if (!run) throw workError("The results cannot be read: someone changed or removed the files.");
  const { test, validation, validatedBy, calibration, skipped } = run.metrics;
  const { classes, answers } = run.answers;
  return {
    classes,
    answers: answers.map(({ path, ...answer }) => ({ ...answer, id: path })),
    ...{ test, validation, validatedBy, calibration, skipped },
  };
}
