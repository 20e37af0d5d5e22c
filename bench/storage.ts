/**
 * Bench `storage`: whether half precision at the freeze boundary costs accuracy. The last stages are trained on the outputs of the frozen
 * part, stored in half and in full precision, with the same seeds.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoverDataset } from "../src/data/dataset/discover.ts";
import { openFile } from "../src/networks/open.ts";
import { train } from "../src/train/train-dataset.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const precisions = ["float16", "float32"] as const;

/** Trains and prints. */
export async function benchStorage(given: readonly string[]): Promise<void> {
  const { data, unfreeze, seeds, epochs } = readFlags(given, { data: "pollen", unfreeze: "2", seeds: 3, epochs: 15 });
  const dataset = await discoverDataset(shared("datasets", data));
  const network = await openFile(shared("networks", "mobilenet_v2_100_224.onnx"), { preprocessing: "inception" });
  console.log(
    `storage: MobileNetV2 1.0 on ${data}, the last ${unfreeze} stages, ${epochs} epochs at most, ${seeds} seeds`,
  );
  console.log(machine());
  const cache = await mkdtemp(join(tmpdir(), "graft-bench-"));
  process.env.GRAFT_CACHE = cache;
  const rows: string[][] = [["kept in", "bytes", "validation log loss, seed by seed", "test accuracy, seed by seed"]];
  try {
    for (const precision of precisions) {
      const [losses, accuracies]: [string[], string[]] = [[], []];
      let bytes = 0;
      for (let seed = 0; seed < seeds; seed++) {
        const { finetune, test } = await train({ dataset, network, seed, finetune: { unfreeze, epochs, precision } });
        bytes = finetune!.storage.bytes;
        const best = finetune!.history.find(({ epoch }) => epoch === finetune!.bestEpoch) ?? finetune!.history.at(-1)!;
        losses.push(best.validationLogLoss.toFixed(4));
        accuracies.push(test.evaluation.accuracy.toFixed(4));
      }
      rows.push([precision, `${Math.round(bytes / 1e6)} MB`, losses.join("  "), accuracies.join("  ")]);
    }
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
  printTable("The same trainings from what was kept in half and in full precision", rows);
}
