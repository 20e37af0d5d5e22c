/** Small runs for tests, trained in this process, and what is in a run's folder. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { openNetwork } from "../../src/networks/open.ts";
import type { TrainRun } from "../../src/run/facts.ts";
import { modelNamedIn, runFileNames, runFiles } from "../../src/run/run-files.ts";
import { train } from "../../src/train/train-dataset.ts";

/** A training's result, ready to be written to `out`; nothing is written yet. */
export async function trainedRun(pictures: string, path: string, out: string, seed: number): Promise<TrainRun> {
  const dataset = await discoverDataset(pictures);
  const network = await openNetwork(path, { preprocessing: "imagenet" });
  const result = await train({ dataset, network, seed });
  return {
    ...{ result, dataset, datasetPath: pictures, seed, out, audit: undefined, explanations: [] },
    timings: { startUp: 0.1, open: 0, audit: 0, explanations: 0 },
    seconds: () => 1,
    consumption: async () => ({ cpuSeconds: 1, joules: undefined }),
  };
}

/** The SHA-256 of a folder's model, and the one that each other file names; as they are, nothing is settled first. */
export function digestsIn(folder: string): Record<string, string | undefined> {
  return Object.fromEntries(
    runFileNames.map((name) => {
      const path = join(folder, name);
      if (!existsSync(path)) return [name, undefined];
      const bytes = readFileSync(path);
      return [
        name,
        name === runFiles.model
          ? createHash("sha256").update(bytes).digest("hex")
          : modelNamedIn(name, bytes.toString()),
      ];
    }),
  );
}
