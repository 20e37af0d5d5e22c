/**
 * Starts a training: a `graft train` process whose messages go into the run's log. Also validates the settings of the page and
 * turns them into arguments. Reads no run.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { STOP_FILE } from "../../base/child-messages.ts";
import { messageOf } from "../../base/errors.ts";
import { checked, type Described, type Door, onlyWhen, optionsOf, seed } from "../../base/option-schemas.ts";
import { classWeights, recipeEntries } from "../../train/option-entries.ts";
import type { RunSettings } from "../api.ts";
import { openToWrite } from "../project/own-files.ts";
import { BEGINS, endLine } from "./log.ts";
import { files } from "./record.ts";

/**
 * Starts a training that writes into `folder`.
 *
 * @param command the program and its arguments
 * @param onEnd called when the process has ended and the log says why
 */
export async function launch(folder: string, command: readonly string[], onEnd: () => void): Promise<ChildProcess> {
  await rm(join(folder, files.stop), { force: true });
  const events = await openToWrite(join(folder, files.events), "append");
  const output = await openToWrite(join(folder, files.output), "replace");
  try {
    await events.appendFile(`${BEGINS}\n`);
    const [program, ...args] = command;
    const child = spawn(program!, args, {
      stdio: ["ignore", output.fd, events.fd],
      // Its own process group: a Ctrl-C for the studio reaches it only through the studio.
      detached: true,
      windowsHide: true,
      env: { ...process.env, NO_COLOR: "1", [STOP_FILE]: join(folder, files.stop) },
    });
    child.once(
      "error",
      (error) =>
        void note(folder, endLine("work-failed", `Could not start the training: ${messageOf(error)}.`)).finally(onEnd),
    );
    child.once("exit", (code, signal) => void note(folder, lastLine(code, signal)).finally(onEnd));
    child.unref();
    return child;
  } finally {
    await Promise.all([events.close(), output.close()]);
  }
}

/** The log's last line for a process that ended without one; if the process said why itself, that counts. */
function lastLine(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === "SIGINT") return endLine("stopped", "Stopped before it started.");
  if (signal !== null)
    return endLine("work-failed", `The training was killed (${signal}): possibly because memory ran out.`);
  return code === 0 ? "" : endLine("work-failed", `The training ended with exit code ${code} and without a message.`);
}

async function note(folder: string, line: string): Promise<void> {
  try {
    const file = await openToWrite(join(folder, files.events), "append");
    await file.appendFile(line).finally(() => file.close());
  } catch {
    // The run was removed meanwhile, or the disk is full: the log then stays shorter.
  }
}

// The settings of a training, validated, and as arguments of `graft train`.

const STAGES = "none, all or a number of last stages";
const { epochs, augment, learningRate } = recipeEntries;

/** The settings of a training; unlike the command line, the page sends all that a run needs. */
const settingsSchema = (networks: readonly string[]) =>
  v.pipe(
    optionsOf({
      network: v.picklist(networks, "a network of the table"),
      unfreeze: v.pipe(v.string(STAGES), v.regex(/^(none|all|[1-9]\d{0,2})$/, STAGES)),
      seed,
      classWeights,
      epochs,
      augment,
      learningRate,
    } satisfies Described<RunSettings>),
    onlyWhen(
      ({ unfreeze }) => unfreeze !== "none",
      ["epochs", "augment", "learningRate"],
      "to fine-tuning: choose the layers to train, or leave it out",
    ),
  );

const door: Door = {
  whole: "A training",
  subject: (path) => `The setting ${path}`,
  option: (path) => path,
};

/** Reads untrusted settings. Throws GraftError (`usage`) that names what does not fit. */
export const readSettings = (value: unknown, networks: readonly string[]): RunSettings =>
  checked(settingsSchema(networks), value, door);

/** The arguments after `graft`; with `resume`, the training continues from its checkpoint. */
export function trainArgs(dataset: string, out: string, settings: RunSettings, resume: boolean): string[] {
  const { network, unfreeze, seed, classWeights, epochs, augment, learningRate } = settings;
  const isTuning = unfreeze !== "none";
  const option = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    "train",
    dataset,
    ...option("--network", network),
    ...option("--seed", seed),
    ...option("--class-weights", classWeights),
    ...option("--unfreeze", unfreeze),
    ...(isTuning
      ? [...option("--epochs", epochs), ...option("--augment", augment), ...option("--learning-rate", learningRate)]
      : []),
    ...(isTuning && resume ? ["--resume"] : []),
    ...option("--out", out),
    ...option("--progress", "json"),
    "--json",
  ];
}
