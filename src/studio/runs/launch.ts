/** Starting a training: a `graft train` of its own process, whose words go into the run's log. Nothing is read here. */
import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { STOP_FILE } from "../../base/stop-file.ts";
import { openToWrite } from "../project/own-files.ts";
import { files } from "./folder.ts";
import { BEGINS, endLine } from "./log.ts";

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
      // Its own group: a Ctrl-C meant for the studio reaches it through the studio alone.
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

/** What is said for a process that ended without a word; one that said why itself is believed. */
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
    // The run was removed meanwhile, or the disk is full: then the log says less.
  }
}
