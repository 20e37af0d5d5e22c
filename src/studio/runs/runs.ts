/**
 * Trainings of a project, one at a time. Each is a `graft train` of its own process, which writes into the run's folder and
 * outlives the studio: who opens the project next finds it at work. What a folder says is read in record.ts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFile, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, usageError, workError } from "../../base/errors.ts";
import { makeFolder, writeWhole } from "../../base/files.ts";
import { holderOf } from "../../base/lock.ts";
import { readRunAnswers } from "../../run/read.ts";
import type { RunInfo, RunResults, RunSettings } from "../api.ts";
import type { Paths } from "../project/layout.ts";
import { follow } from "./follow.ts";
import { BEGINS, files, nothingTold, type RunRecord, readRun, type Told, withLine } from "./record.ts";
import { trainWords } from "./settings.ts";

export interface Runs {
  /** The newest first. */
  list(): Promise<RunInfo[]>;
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
  readonly onChange: (run: RunInfo) => void;
}

/** How long an orderly end may take before a run is ended otherwise, in milliseconds. */
const PATIENCE = 20_000;

export async function openRuns({ paths, command, networkWords, onChange }: RunsOptions): Promise<Runs> {
  const root = paths.runs;
  const children = new Map<string, ChildProcess>();
  const followed = new Map<string, () => void>();
  const folder = (id: string): string => {
    if (!/^\d{8}-\d{6}(-\d+)?$/.test(id)) throw usageError(`There is no run "${id}".`);
    return join(root, id);
  };
  const read = (id: string): Promise<RunInfo | undefined> => readRun(folder(id), id, children.has(id));
  const get = async (id: string): Promise<RunInfo> => {
    const run = await read(id);
    if (!run) throw usageError(`There is no run "${id}": reload the page to see which there are.`);
    return run;
  };
  const list = async (): Promise<RunInfo[]> => {
    const names = (await readdir(root).catch((): string[] => [])).filter((name) => /^\d{8}-\d{6}/.test(name));
    const runs = await Promise.all(names.sort().reverse().map(read));
    return runs.filter((run) => run !== undefined);
  };

  /** Tells of a run as its log grows, until it no longer runs. A run that is removed meanwhile needs no telling of. */
  const watch = (id: string): void => {
    if (followed.has(id)) return;
    tail(id).catch((error: unknown) => process.stderr.write(`The run ${id} cannot be followed: ${messageOf(error)}\n`));
  };
  const tail = async (id: string): Promise<void> => {
    const controller = new AbortController();
    followed.set(id, () => controller.abort());
    try {
      const run = await get(id);
      let told: Told = nothingTold;
      const isRunning = async (): Promise<boolean> =>
        children.has(id) || (await holderOf(join(folder(id), files.lock))) !== undefined;
      const tell = (): void => {
        const { epochs, notes, progress } = told;
        onChange({ ...run, epochs, notes, state: { kind: "running", progress } });
      };
      await follow(join(folder(id), files.events), isRunning, controller.signal, (lines) => {
        told = lines.reduce(withLine, told);
        tell();
      });
      const ended = controller.signal.aborted ? undefined : await read(id);
      if (ended) onChange(ended);
    } finally {
      followed.delete(id);
    }
  };

  const launch = async (id: string, settings: RunSettings, resume: boolean): Promise<RunInfo> => {
    const at = folder(id);
    await appendFile(join(at, files.events), `${BEGINS}\n`);
    const [events, output] = [await open(join(at, files.events), "a"), await open(join(at, files.output), "w")];
    const [program, ...words] = command;
    const child = spawn(
      program!,
      [...words, ...trainWords(paths.root, at, settings, resume), ...networkWords(settings.network)],
      // Its own group: a Ctrl-C meant for the studio reaches it through the studio alone.
      { stdio: ["ignore", output.fd, events.fd], detached: true, env: { ...process.env, NO_COLOR: "1" } },
    );
    children.set(id, child);
    child.on("error", (error) => {
      void appendFile(join(at, files.events), `graft: Could not start the training: ${messageOf(error)}.\n`);
      children.delete(id);
    });
    child.on("exit", (_, signal) => {
      // A process that was killed says nothing itself.
      const words = signal === null ? "" : lastWords(signal);
      void appendFile(join(at, files.events), words).finally(() => children.delete(id));
    });
    child.unref();
    await Promise.all([events.close(), output.close()]);
    watch(id);
    return get(id);
  };

  const stop = async (id: string): Promise<void> => {
    const holder = await holderOf(join(folder(id), files.lock));
    const pid = children.get(id)?.pid ?? holder?.pid;
    if (pid === undefined && holder)
      throw workError(`The run cannot be stopped from here: it belongs to ${holder.called}; stop it there.`);
    if (pid === undefined) throw usageError("The run is not running.");
    process.kill(pid, "SIGINT");
  };
  const refuseWhileRunning = async (): Promise<void> => {
    if ((await list()).some(({ state }) => state.kind === "running"))
      throw workError("A training is running already: wait for it to end, or stop it.");
  };

  for (const { id, state } of await list()) if (state.kind === "running") watch(id);

  return {
    list,
    get,
    folder,
    async results(id) {
      const run = await get(id);
      if (run.state.kind !== "done") throw usageError("The run has no results yet: it has not ended.");
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
      return launch(id, settings, false);
    },
    stop,
    async resume(id) {
      await refuseWhileRunning();
      const { settings, state } = await get(id);
      if (state.kind === "done") throw usageError("The run has ended: start another.");
      return launch(id, settings, true);
    },
    async remove(id) {
      const { state } = await get(id);
      if (state.kind === "running") throw usageError("The run is running: stop it first.");
      // Renamed first, so that a crash half-way leaves no half of a run.
      const gone = join(paths.trash, `run-${id}`);
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

const lastWords = (signal: NodeJS.Signals): string =>
  signal === "SIGINT"
    ? "graft: Stopped before it had begun.\n"
    : `graft: The training was killed (${signal}): perhaps the memory did not suffice.\n`;

async function readResults(folder: string): Promise<RunResults> {
  const run = await readRunAnswers(folder);
  if (!run) throw workError("The run's results cannot be read: they were changed or removed by hand.");
  const { test, validation, validatedBy, calibration, skipped } = run.metrics;
  const { classes, answers } = run.answers;
  return {
    classes,
    answers: answers.map(({ path, ...answer }) => ({ ...answer, id: path })),
    ...{ test, validation, validatedBy, calibration, skipped },
  };
}
