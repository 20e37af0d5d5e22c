/** The verdicts of `compare` where the truth is known: photographs, and generated tasks that ImageNet's features carry little of. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "../../src/advise/compare/compare.ts";
import { classesOf, type Task, writeTask } from "../../src/advise/testing.ts";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { openNamed, type Settings } from "./settings.ts";

const tasks: readonly Task[] = ["position", "count", "angle"];
/** What is right: by the dataset; of generated tasks, anything that learns anew. */
const learnsAnew = ["scratch", "fine-tune"];

/** Prints a row a dataset: those of `--data`, where `position`, `count` and `angle` are generated. */
export async function benchCompare({ data, networks, budget, pictures }: Settings): Promise<void> {
  const network = await openNamed(networks[0]!);
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const rows: string[][] = [
    ["dataset", "verdict", "right", "lead in points", "95%", "probe", "fine-tune", "scratch", "seconds"],
  ];
  try {
    for (const name of data) {
      const task = tasks.find((one) => one === name);
      const path = task ? join(folder, task) : shared("datasets", name);
      if (task && !existsSync(path)) await writeTask(path, task, { count: pictures });
      const found = await compare({ dataset: await discoverDataset(path), network, budgetSeconds: budget });
      const isRight = task ? learnsAnew.includes(found.verdict) : found.verdict === "transfer";
      const points = (share: number): string => (100 * share).toFixed(1);
      const at = (road: string): string =>
        found.roads
          .find((one) => one.road === road)
          ?.points.at(-1)
          ?.accuracy.toFixed(3) ?? "–";
      rows.push([
        ...[name, found.verdict, isRight ? "yes" : "no", found.evidence ? points(found.evidence.mean) : "–"],
        found.evidence ? found.evidence.interval.map(points).join(" to ") : "–",
        ...[at("probe"), at("fine-tune"), at("scratch"), found.seconds.toFixed(0)],
      ]);
      console.log(`${name} (${task ? classesOf(task).length : found.classes.length} classes): ${found.reason}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  printTable(`compare with ${networks[0]} under a budget of ${budget} s`, rows);
}
