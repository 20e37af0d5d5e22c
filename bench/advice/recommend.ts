/** Whether `recommend` keeps to its budget, and how far its pick is from the network whose probe does best on the test folder. */
import { gatherCandidates } from "../../src/advise/recommend/candidates.ts";
import { recommend } from "../../src/advise/recommend/recommend.ts";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { featuresFor, networkPath, openNamed, type Settings, trueProbe } from "./settings.ts";

/** Points that the pick may be behind. */
const BAR = 1;

/** Prints a row a dataset. Features that a former run left in the cache are used, as a user's would be. */
export async function benchRecommend({ data, networks, budget }: Settings): Promise<void> {
  const rows: string[][] = [
    ["dataset", "seconds", "of budget", "judged on", "pick", "its test", "best", "its test", "points behind", "bar"],
  ];
  for (const name of data) {
    const dataset = await discoverDataset(shared("datasets", name));
    const gathered = await gatherCandidates({ offline: true, named: networks.map(networkPath) });
    const began = performance.now();
    const found = await recommend({ dataset, field: gathered, budgetSeconds: budget });
    const seconds = (performance.now() - began) / 1000;
    const truth: { readonly name: string; readonly accuracy: number }[] = [];
    for (const { name: called } of found.candidates) {
      const features = await featuresFor(name, await openNamed(called));
      truth.push({ name: called, accuracy: await trueProbe(features) });
    }
    const best = truth.reduce((most, one) => (one.accuracy > most.accuracy ? one : most));
    const pick = truth.find((one) => one.name === found.recommended);
    const behind = pick ? 100 * (best.accuracy - pick.accuracy) : Number.NaN;
    const short = (called: string): string => called.split("/").at(-1)!;
    rows.push([
      ...[name, seconds.toFixed(1), `${((100 * seconds) / budget).toFixed(0)}%`, String(found.pictures.judged)],
      ...[
        short(found.recommended ?? "none"),
        pick?.accuracy.toFixed(3) ?? "–",
        short(best.name),
        best.accuracy.toFixed(3),
      ],
      ...[behind.toFixed(1), behind <= BAR + 1e-9 && seconds <= 1.1 * budget ? "met" : "missed"],
    ]);
    console.log(`${name}: ${found.reason}`);
    for (const { name: called, accuracy, logLoss, pictures } of found.candidates) {
      const tested = truth.find((one) => one.name === called)!.accuracy;
      const figures = [accuracy, logLoss, tested].map((value) => value.toFixed(3));
      console.log(
        `  ${short(called).padEnd(28)} expected ${figures[0]} (log loss ${figures[1]}, ${pictures} pictures), test ${figures[2]}`,
      );
    }
  }
  printTable(
    `recommend under a budget of ${budget} s; bar: within the budget + 10%, at most ${BAR} point behind`,
    rows,
  );
}
