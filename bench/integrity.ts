/** Bench `integrity`: the kill and damage harnesses of `tests/`, for a chosen time. Measures nothing: it counts faults. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { onNotice } from "../src/base/sealed.ts";
import { renderCard } from "../src/report/card.ts";
import { renderReport } from "../src/report/report.ts";
import { writeRun } from "../src/run/save.ts";
import { damageAll } from "../tests/support/damage.ts";
import { openSubjects } from "../tests/support/damage-subjects.ts";
import { killWriters } from "../tests/support/kill-runs.ts";
import { tinyNetwork } from "../tests/support/network.ts";
import { writeShapes } from "../tests/support/pictures.ts";
import { trainedRun } from "../tests/support/run.ts";
import { readFlags, WrongFlags } from "./support/flags.ts";

const PARTS = ["all", "kills", "damage"];

/** Kills writers of runs, damages files of the cache, and prints what came of it; fails where there is a fault. */
export async function benchIntegrity(given: readonly string[]): Promise<void> {
  const { part, kills, flips, seed } = readFlags(given, { part: "all", kills: 200, flips: 100, seed: 1 });
  if (!PARTS.includes(part)) throw new WrongFlags(`--part takes one of ${PARTS.join(", ")}.`);
  const work = await mkdtemp(join(tmpdir(), "graft-integrity-"));
  // Every damage is reported; here that is expected.
  const stop = onNotice(() => {});
  try {
    const faults = [
      ...(part === "damage" ? [] : await killRuns(work, kills, seed)),
      ...(part === "kills" ? [] : await damageCache(work, flips, seed)),
    ];
    for (const fault of faults) console.log(`FAULT ${fault}`);
    if (faults.length > 0) throw new Error(`${faults.length} faults.`);
    console.log("No fault.");
  } finally {
    stop();
    await rm(work, { recursive: true, force: true });
  }
}

async function killRuns(work: string, kills: number, seed: number): Promise<readonly string[]> {
  const before = process.env.GRAFT_CACHE;
  process.env.GRAFT_CACHE = join(work, "runs-cache");
  const network = join(work, "runs.onnx");
  await writeFile(network, tinyNetwork());
  const pictures = await writeShapes(join(work, "runs-pictures"), { circle: 12, square: 12 });
  const folders: string[] = [];
  for (const one of [1, 2, 3]) {
    const out = join(work, `run ${one}`);
    await writeRun(await trainedRun(pictures, network, out, one), { report: renderReport, card: renderCard });
    folders.push(out);
  }
  const [out, ...runs] = folders as [string, ...string[]];
  await writeFile(join(out, "mine.txt"), "mine");
  const report = await killWriters({ runs, out, kills, random: createRandom(seed), longest: 120 });
  if (before === undefined) delete process.env.GRAFT_CACHE;
  else process.env.GRAFT_CACHE = before;
  console.log(
    `${kills} kills while a run was written; ${report.finished} left some files to be moved by the next reader.`,
  );
  return report.faults;
}

async function damageCache(work: string, flips: number, seed: number): Promise<readonly string[]> {
  const { subjects, close } = await openSubjects(join(work, "damage"));
  const faults: string[] = [];
  try {
    for (const subject of subjects) {
      const { kind, tried, same, failed, faults: own } = await damageAll(subject, flips, createRandom(seed));
      console.log(`${kind}: damaged ${tried} times; ${same} times the same result, ${failed} times an error.`);
      faults.push(...own.map((fault) => `${kind}: ${fault}`));
    }
  } finally {
    await close();
  }
  return faults;
}
