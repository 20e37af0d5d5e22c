/**
 * Trainings of a project, one at a time. Each is a `graft train` of its own process, which writes into the run's folder and
 * outlives the studio: who opens the project next finds it at work. What a folder says is read in record.ts.
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
import { launch, readSettings, trainWords } from "./launch.ts";
import { createLog, follow } from "./log.ts";
import { type FoundRun, files, isHeld, type RunRecord, readRun } from "./record.ts";

export interface Runs {
  /** The newest first. */
  list(): Promise<RunInfo[]>;
  /** What {@link Runs.list} found that is no run, a sentence each. */
  damage(): readonly string[];
  /** Throws a usage error where there is none. */
  get(id: string): Promise<RunInfo>;
  results(id: string): Promise<RunResults>;
  start(settings: RunSettings): Promise<RunInfo>;
  /** Asks a run to end in good order; what it has computed is kept. */
  stop(id: string): Promise<void>;
  resume(id: string): Promise<RunInfo>;
  remove(id: string): Promise<void>;
  folder(id: string): string;
  /** Stops following; with `stopping`, stops what runs, too, and waits for it, at most so many milliseconds. */
  close(stopping: boolean, waitMs?: number): Promise<void>;
}

export interface RunsOptions {
  readonly paths: Paths;
  /** The program and the words that `graft` is started with. */
  readonly command: readonly string[];
  /** Options of `graft train` that go with a network, such as the preprocessing of a file. */
  readonly networkWords: (network: string) => readonly string[];
  /** The networks that a training may use. */
  readonly networks: readonly string[];
  readonly onChange: (run: RunInfo) => void;
}

/** A run's name: when it was started. */
const RUN_ID = /^\d{8}-\d{6}(-\d{1,6})?$/;

const damageOf = (id: string, reason: string): string =>
  `The training in .graft/runs/${id} cannot be shown: ${reason.replace(/\.$/, "")}. Its files were not changed.`;

/** How long an orderly end may take before a run is ended otherwise, in milliseconds. */
const PATIENCE = 20_000;

export async function openRuns({ paths, command, networks, networkWords, onChange }: RunsOptions): Promise<Runs> {
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
    // One after the other: each is read whole, and there may be any number.
    for (const id of names.sort().reverse()) {
      const run = await read(id);
      if (run.kind === "read") runs.push(run.value);
      if (run.kind === "damaged") damaged.push(damageOf(id, run.reason));
    }
    damage = damaged;
    return runs;
  };
  const isRunning = async (id: string): Promise<boolean> => children.has(id) || (await isHeld(folder(id)));

  /** Tells of a run as its log grows, until it no longer runs. A run that is removed meanwhile needs no telling of. */
  const watch = (id: string): void => {
    if (followed.has(id)) return;
    tail(id).catch((error: unknown) =>
      process.stderr.write(`The training ${id} cannot be followed: ${messageOf(error)}\n`),
    );
  };
  const tail = async (id: string): Promise<void> => {
    const controller = new AbortController();
    followed.set(id, () => controller.abort());
    try {
      const run = await get(id);
      const log = createLog();
      const goesOn = (): Promise<boolean> => isRunning(id);
      await follow(join(folder(id), files.events), goesOn, controller.signal, (lines) => {
        for (const line of lines) log.add(line);
        const { epochs, notes, progress } = log.told();
        onChange({ ...run, epochs, notes, state: { kind: "running", progress } });
      });
      const ended = controller.signal.aborted ? undefined : await read(id);
      if (ended?.kind === "read") onChange(ended.value);
    } finally {
      followed.delete(id);
    }
  };

  const begin = async (id: string, settings: RunSettings, resume: boolean): Promise<RunInfo> => {
    const words = [...trainWords(paths.root, folder(id), settings, resume), ...networkWords(settings.network)];
    const child = await launch(folder(id), [...command, ...words], () => children.delete(id));
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
      // Its run.json may be anybody's: it is asked for no more than the page could ask for.
      return begin(id, readSettings(settings, networks), true);
    },
    async remove(id) {
      const { state } = await get(id);
      if (state.kind === "running") throw usageError("The training is running. Stop it first.");
      // Renamed first, so that a crash half-way leaves no half of a run.
      const gone = join(paths.trash, `run-${id}-${randomBytes(4).toString("hex")}`);
      await makeFolder(paths.trash);
      await rename(folder(id), gone);
      await rm(gone, { recursive: true, force: true });
    },
    async close(stopping, waitMs = PATIENCE) {
      if (stopping) {
        for (const id of followed.keys()) await stop(id).catch(() => {});
        const until = performance.now() + waitMs;
        // A run is followed as long as it runs.
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
