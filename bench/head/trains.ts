/** Whole trainings as processes: `graft train` with an empty cache, again with a full one, and the Python peer, in turn. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { median, ratios, spread, verdict } from "../support/figures.ts";
import { PYTHON } from "../support/python.ts";
import { numberAt, type Run, runJson } from "../support/run.ts";
import { ROOT, shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { NETWORK, type Settings } from "./settings.ts";

const CLI = join(ROOT, "dist", "cli", "main.js");

/** Measures and prints the table of whole trainings. */
export async function compareTrains({ data, repeat, folder, withPeer }: Settings): Promise<void> {
  if (!existsSync(CLI)) throw new Error("There is no dist/cli/main.js to measure: run `npm run build` first.");
  const cache = join(folder, "cache");
  const dataset = shared("datasets", data);
  const flags = ["--network", NETWORK, "--preprocessing", "inception", "--out", join(folder, "out"), "--json"];
  const graft = (): Promise<Run> =>
    runJson(process.execPath, [CLI, "train", dataset, ...flags], { GRAFT_CACHE: cache });
  const peer = (): Promise<Run> =>
    runJson(PYTHON, [shared("peers", "torch_transfer.py"), dataset, "--mode", "head", "--arch", "mobilenetv2_100"]);
  const [first, second, peers]: [Run[], Run[], Run[]] = [[], [], []];
  for (let run = 0; run < repeat; run++) {
    await rm(cache, { recursive: true, force: true });
    first.push(await graft());
    if (withPeer) peers.push(await peer());
    second.push(await graft());
  }
  print(first, second, peers);
}

const wall = (runs: readonly Run[]): number[] => runs.map(({ seconds }) => seconds);
const all = (runs: readonly Run[], ...keys: readonly string[]): number[] =>
  runs.map(({ json }) => numberAt(json, ...keys));

function print(first: readonly Run[], second: readonly Run[], peers: readonly Run[]): void {
  const compared = peers.length > 0;
  const faster = (over: readonly number[], under: readonly number[], bar: number): string[] => {
    const values = ratios(over, under);
    return [spread(values, "×"), verdict(values, bar)];
  };
  const row = (
    label: string,
    own: readonly number[],
    unit: string,
    theirs: () => readonly number[],
    ratio: () => string[] = () => [],
  ) => [label, spread(own, unit), ...(compared ? [spread(theirs(), unit), ...ratio()] : [])];
  const forward = all(first, "rates", "forward");
  const again = wall(second);
  const peerForward = (): number[] => all(peers, "forward_per_second");
  const peerOwn = (): number[] => all(peers, "seconds");
  printTable("Whole train, median (min–max); ratios of runs in turn", [
    ["", "Graft", ...(compared ? ["PyTorch + timm", "Graft is faster", ""] : [])],
    row(
      "whole process",
      wall(first),
      " s",
      () => wall(peers),
      () => faster(wall(peers), wall(first), 2),
    ),
    row("  the peer without its imports", wall(first), " s", peerOwn, () => faster(peerOwn(), wall(first), 2)),
    row("forward, images/s", forward, "", peerForward, () => faster(forward, peerForward(), 2)),
    row("head, own cross-validation", all(first, "timings", "head"), " s", () => all(peers, "head_seconds")),
    row("test accuracy", all(first, "accuracy", "test"), "", () => all(peers, "accuracy")),
    [
      "second train, cache warm",
      spread(again, " s"),
      ...(compared ? ["–", ""] : []),
      `bar < 3 s: ${median(again) < 3 ? "met" : "missed"}`,
    ],
  ]);
  if (compared) console.log("The peer's weights are random (seed 0): its speed counts, its accuracy says nothing.");
}
