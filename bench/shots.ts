/** Bench `shots`: heads on few examples a class, Graft's beside scikit-learn's on the same rows of the same features. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { openNetwork } from "../src/networks/open.ts";
import { denseTable } from "../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../src/train/head/fit.ts";
import { accuracyOf } from "./support/features.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { installHint, PYTHON, pythonPackages } from "./support/python.ts";
import { runJson } from "./support/run.ts";
import { ROOT, shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";
import { type Cached, cachedFeatures, rowsOf } from "./trust/cached.ts";

/** Measures and prints. */
export async function benchShots(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, {
    network: "",
    data: "flowers,pollen,sign-digits",
    shots: "1,2,5,10,20,50",
    seeds: 5,
  });
  const network = await openNetwork(flags.network || shared("networks", "mobilenet_v2_100_224.onnx"));
  const shots = flags.shots.split(",").map(Number);
  const isPeerHere = "scikit-learn" in (await pythonPackages(["scikit-learn"]));
  console.log(machine());
  if (!isPeerHere) console.log(installHint(["scikit-learn"]));
  for (const dataset of flags.data.split(",")) {
    const features = await cachedFeatures(dataset, network);
    const samples = shots.flatMap((count) =>
      Array.from({ length: flags.seeds }, (_, seed) => sampled(features, count, seed)),
    );
    const found: Record<string, readonly (number | null)[]> = {
      Graft: await ours(features, samples),
      ...(isPeerHere ? await theirs(features, samples) : {}),
    };
    printTable(
      `${dataset}: test accuracy, mean of ${flags.seeds} samples ± their deviation; features of ${network.name}`,
      [
        ["head", ...shots.map((count) => `${count} a class`)],
        ...Object.entries(found).map(([head, accuracies]) => [
          head,
          ...shots.map((_, at) => spread(accuracies.slice(at * flags.seeds, (at + 1) * flags.seeds))),
        ]),
      ],
    );
  }
}

/** So many training rows of each class, or all where it has fewer. */
function sampled({ train, classes }: Cached, count: number, seed: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length: classes }, (_, label) =>
    random.shuffle([...train.labels.keys()].filter((row) => train.labels[row] === label)).slice(0, count),
  ).flat();
}

/** `graft train`'s head; nothing of one example a class, which it refuses. */
async function ours(
  { train, test, columns, classes }: Cached,
  samples: readonly (readonly number[])[],
): Promise<(number | null)[]> {
  const accuracies: (number | null)[] = [];
  for (const rows of samples) {
    const { data, labels } = rowsOf(train, rows);
    if (labels.length < 2 * classes) accuracies.push(null);
    else {
      const { head } = await fitHead(denseTable(data, columns), labels, classes, createRandom(0));
      accuracies.push(accuracyOf(headLogits(head, denseTable(test.data, columns)), test.labels, classes));
    }
  }
  return accuracies;
}

async function theirs(
  { train, test, columns }: Cached,
  samples: readonly (readonly number[])[],
): Promise<Record<string, (number | null)[]>> {
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    await writeFile(join(folder, "train.f32"), new Uint8Array(train.data.buffer));
    await writeFile(join(folder, "test.f32"), new Uint8Array(test.data.buffer));
    const facts = { columns, train: [...train.labels], test: [...test.labels], samples };
    await writeFile(join(folder, "shots.json"), JSON.stringify(facts));
    const { json } = await runJson(PYTHON, [join(ROOT, "bench", "peers", "shots.py"), folder]);
    return json as Record<string, (number | null)[]>;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function spread(accuracies: readonly (number | null)[]): string {
  const known = accuracies.filter((one) => one !== null);
  if (known.length === 0) return "—";
  const mean = known.reduce((sum, one) => sum + one, 0) / known.length;
  const deviation = Math.sqrt(known.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, known.length - 1));
  return `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
}
