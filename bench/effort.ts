/**
 * Bench `effort`: what a choice of features gains over the network's own cut, on test folders that took no part in the choice, and what
 * it costs: seconds of the choice, and images a second of the pass. No peer.
 */

import { mapAhead } from "../src/base/concurrency.ts";
import { readBytes } from "../src/base/files.ts";
import { discoverDataset } from "../src/data/dataset/discover.ts";
import { decodeImage } from "../src/data/image/decode.ts";
import { pairedDifference } from "../src/metrics/intervals.ts";
import { argmax } from "../src/metrics/logits.ts";
import { multiCutModel } from "../src/networks/backbone/backbone.ts";
import type { Network } from "../src/networks/network.ts";
import { openNetwork } from "../src/networks/open.ts";
import { readingsFor } from "../src/train/features/choose-features.ts";
import { rememberedCuts } from "../src/train/features/feature-cache.ts";
import type { ReadCuts } from "../src/train/features/feature-table.ts";
import { frozenFeatures } from "../src/train/frozen.ts";
import { nodeEnvironment } from "../src/train/node.ts";
import type { Effort } from "../src/train/option-entries.ts";
import { type TrainResult, train } from "../src/train/train-dataset.ts";
import { median } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const BATCH = 16;

/** The short name for the shared MobileNetV2. */
const MOBILENET = "mobilenet_v2_100_224.onnx";

const open = (name: string): Promise<Network> =>
  name === MOBILENET ? openNetwork(shared("networks", name), { preprocessing: "inception" }) : openNetwork(name);

/** Trains with each effort, after a training at the network's own cut alone, and prints. */
export async function benchEffort(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, {
    networks: `${MOBILENET},resnet50,inception_v3`,
    data: "flowers,pollen,sign-digits",
    efforts: "quick,better",
    part: "all",
    repeat: 3,
  });
  console.log(machine());
  const networks = flags.networks.split(",");
  const efforts = flags.efforts.split(",") as Effort[];
  if (flags.part !== "speed") await printGains(networks, flags.data.split(","), efforts);
  if (flags.part !== "gains") await printSpeeds(networks, flags.data.split(",")[0]!, efforts, flags.repeat);
}

async function printGains(networks: readonly string[], data: readonly string[], efforts: readonly Effort[]) {
  const rows: string[][] = [
    [
      "dataset",
      "network",
      "effort",
      "taken",
      "cross-validated log loss",
      "test accuracy (95%)",
      "gain in points (95%)",
      "head s",
    ],
  ];
  for (const folder of data) {
    const dataset = await discoverDataset(shared("datasets", folder));
    for (const name of networks) {
      const network = await open(name);
      const alone = await train({ dataset, network: { ...network, cuts: [] } });
      rows.push(rowOf(folder, name, "own cut", alone, alone));
      for (const effort of efforts)
        rows.push(rowOf(folder, name, effort, await train({ dataset, network, effort }), alone));
    }
  }
  printTable("Features chosen by cross-validation on the training images, seed 0", rows);
}

const rightOf = ({ test }: TrainResult): number[] => {
  const classes = test.probabilities.length / test.examples.length;
  return test.examples.map(({ label }, row) => (argmax(test.probabilities, row * classes, classes) === label ? 1 : 0));
};

function rowOf(data: string, name: string, effort: string, result: TrainResult, alone: TrainResult): string[] {
  const { choice, test, timings } = result;
  const taken = choice!.tried.find(({ cut, views }) => cut === choice!.cut && views === choice!.views)!;
  const { accuracy, interval } = test.evaluation;
  const gain = pairedDifference(rightOf(result), rightOf(alone));
  const points = (share: number): string => `${share >= 0 ? "+" : ""}${(100 * share).toFixed(1)}`;
  return [
    data,
    name,
    effort,
    `${choice!.cut.split("/").at(-2) ?? ""} ${choice!.cut.split("/").at(-1)!}${choice!.views === "mirrored" ? ", mirrored" : ""}`.trim(),
    taken.logLoss.toFixed(3),
    `${accuracy.toFixed(3)} (${interval.map((end) => end.toFixed(3)).join("–")})`,
    result === alone ? "" : `${points(gain.mean)} (${gain.interval.map(points).join(" to ")})`,
    timings.head.toFixed(1),
  ];
}

/** Images a second of the pass over prepared images: at the own cut alone, and as each effort reads. */
async function printSpeeds(networks: readonly string[], data: string, efforts: readonly Effort[], repeat: number) {
  const { examples } = await discoverDataset(shared("datasets", data));
  const rows: string[][] = [["network", "own cut", ...efforts, ...efforts.map((effort) => `${effort} takes`)]];
  for (const name of networks) {
    const network = await open(name);
    const cuts = await rememberedCuts(network);
    const readings = [
      { cuts: cuts.slice(0, 1), mirrors: false },
      ...efforts.map((effort) => readingsFor(effort, network, cuts)),
    ];
    const seconds = readings.map((): number[] => []);
    for (let run = 0; run < repeat; run++)
      for (const [at, reading] of readings.entries())
        seconds[at]!.push(
          await secondsOf(
            network,
            reading,
            examples.slice(0, BATCH).map(({ path }) => path),
          ),
        );
    const [own, ...others] = seconds.map(median);
    const speed = (taken: number): string => `${(BATCH / taken).toFixed(1)} images/s`;
    rows.push([name, ...[own!, ...others].map(speed), ...others.map((taken) => `${(taken / own!).toFixed(2)}×`)]);
  }
  printTable(`The pass over images, batches of ${BATCH}, the median of ${repeat}`, rows);
}

async function secondsOf(network: Network, { cuts, mirrors }: ReadCuts, paths: readonly string[]): Promise<number> {
  const runner = frozenFeatures(network, () => multiCutModel(network, cuts, mirrors), nodeEnvironment);
  try {
    const prepared: Float32Array[] = [];
    for await (const pixels of mapAhead(paths.values(), 2, async (path) =>
      runner.prepare(await decodeImage(await readBytes(path))),
    ))
      prepared.push(pixels);
    // The first run opens the session.
    await runner.forward(prepared);
    const began = performance.now();
    await runner.forward(prepared);
    return (performance.now() - began) / 1000;
  } finally {
    await runner.close();
  }
}
