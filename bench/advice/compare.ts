/** The verdicts of `compare` where the truth is known: see tasks.ts. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "../../src/advise/compare/compare.ts";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { printTable } from "../support/table.ts";
import { openNamed, type Settings } from "./settings.ts";
import { truths } from "./tasks.ts";

/** Datasets that have an answer, of which so many may be left undecided. */
const MOST_UNDECIDED = 2;

/**
 * Prints a row a dataset: those of `--data`, or all of the truth set with `--data all`. Bounded by `--epochs` where they are given, else by
 * `--budget` seconds each.
 */
export async function benchCompare({ data, networks, budget, images, epochs, splits }: Settings): Promise<void> {
  const network = await openNamed(networks[0]!);
  const names = data.includes("all") ? Object.keys(truths) : data;
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const rows: string[][] = [
    ["dataset", "verdict", "right", "lead in points", "95%", "probe", "fine-tune", "scratch", "epochs", "seconds"],
  ];
  const marks = { yes: 0, undecided: 0, no: 0 };
  try {
    for (const name of names) {
      const truth = truths[name];
      if (!truth) throw new Error(`There is no task "${name}": ${Object.keys(truths).join(", ")}, or all.`);
      const path = join(folder, name);
      if (!existsSync(path)) await truth.write(path, images);
      const bound = epochs > 0 ? { epochs } : { budgetSeconds: budget };
      const found = await compare({ dataset: await discoverDataset(path), network, splits, ...bound });
      const mark = truth.right.includes(found.verdict) ? "yes" : found.verdict === "undecided" ? "undecided" : "no";
      marks[mark]++;
      const points = (share: number): string => (100 * share).toFixed(1);
      const last = (road: string) => found.roads.find((one) => one.road === road)?.points.at(-1);
      const at = (road: string): string => last(road)?.accuracy.toFixed(3) ?? "–";
      const trained = (road: string): string => {
        const point = last(road);
        return point ? `${point.epochs}${point.flattened ? "" : "+"}` : "–";
      };
      rows.push([
        ...[name, found.verdict, mark, found.evidence ? points(found.evidence.mean) : "–"],
        found.evidence ? found.evidence.interval.map(points).join(" to ") : "–",
        ...[at("probe"), at("fine-tune"), at("scratch"), `${trained("fine-tune")}, ${trained("scratch")}`],
        found.seconds.toFixed(0),
      ]);
      console.log(`${name} (right: ${truth.right.join(" or ")}, ${truth.because}): ${found.reason}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const bound = epochs > 0 ? `bounded by ${epochs} epochs` : `under a budget of ${budget} s`;
  printTable(`compare with ${networks[0]}, ${images} images, ${bound}; epochs: "+" for a curve that is not flat`, rows);
  console.log(
    `${marks.yes} right, ${marks.undecided} undecided (at most ${MOST_UNDECIDED} of the whole set), ${marks.no} wrong (none): ${marks.no === 0 && marks.undecided <= MOST_UNDECIDED ? "met" : "missed"}`,
  );
}
