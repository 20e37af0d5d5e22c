/** Kills processes that write runs, at random moments, and checks the files that they leave. The test does it briefly, `bench -- kills` long. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Random } from "../../src/base/random.ts";
import { readRunPredictions } from "../../src/run/read.ts";
import { digestsIn } from "./run.ts";

const writer = fileURLToPath(new URL("./run-writer.ts", import.meta.url));

export interface KillOptions {
  /** Folders with the files of a run each, which are written in turn. */
  readonly runs: readonly string[];
  /** A folder that holds a run and `mine.txt`, and is written to. */
  readonly out: string;
  readonly kills: number;
  readonly random: Random;
  /** The longest that a writer lives, in milliseconds from its first file on. */
  readonly longest: number;
}

/** What was found after the kills. */
export interface KillReport {
  readonly kills: number;
  /** Kills that left files of two runs in their places, which the next reader had to put right. */
  readonly finished: number;
  /** Problems after a kill: there must be none. */
  readonly faults: readonly string[];
}

/** Starts a writer, kills it, reads the run, and so on. */
export async function killWriters({ runs, out, kills, random, longest }: KillOptions): Promise<KillReport> {
  const faults: string[] = [];
  let finished = 0;
  for (let kill = 0; kill < kills; kill++) {
    const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), writer, out, ...runs], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = once(child, "exit");
    await Promise.race([once(child.stdout, "data"), exit]);
    await sleep(random.next() * longest);
    child.kill("SIGKILL");
    await exit;
    if (distinct(digestsIn(out)) > 1) finished++;
    const fault = await faultIn(out);
    if (fault !== undefined) faults.push(`kill ${kill + 1}: ${fault}`);
  }
  return { kills, finished, faults };
}

const distinct = (digests: Readonly<Record<string, string | undefined>>): number =>
  new Set(Object.values(digests)).size;

async function faultIn(out: string): Promise<string | undefined> {
  const run = await readRunPredictions(out).catch((error: unknown) => String(error));
  if (typeof run !== "object") return run ?? "a file is missing";
  const digests = digestsIn(out);
  if (distinct(digests) !== 1) return `the files are of different models: ${JSON.stringify(digests)}`;
  if (run.answers.answers.length !== run.metrics.test.examples) return "answers and metrics differ";
  if (readFileSync(join(out, "mine.txt"), "utf8") !== "mine") return "a file of the user's was changed";
  const known = /^(\.graft-files(\.lock)?|\.graft-.*\.part|mine\.txt)$/;
  const other = readdirSync(out).find((name) => !known.test(name) && !Object.hasOwn(digests, name));
  return other === undefined ? undefined : `${other} is left over`;
}
