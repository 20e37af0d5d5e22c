/** An AbortSignal ends every operation with its own reason, in whatever stage it comes. */
import { existsSync, mkdtempSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { audit, compare, discoverDataset, openNetwork, type Progress, recommend, train } from "../src/index.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";

const work = mkdtempSync(join(tmpdir(), "graft-abort-"));
const checkpoint = join(work, "checkpoint.safetensors");
/** Each run begins with an empty cache, so that none skips a stage. */
let serial = 0;
beforeAll(async () => {
  writeFileSync(join(work, "tiny.onnx"), tinyNetwork());
  await writeShapes(join(work, "shapes"), { circle: 12, square: 12 });
  // Labels that mean nothing: no strategy has won before another has started.
  const files = await writeShapes(join(work, "guesses"), { circle: 40, square: 40 });
  for (const name of readdirSync(join(files, "circle")).slice(0, 20)) {
    renameSync(join(files, "circle", name), join(work, name));
    renameSync(join(files, "square", name), join(files, "circle", name));
    renameSync(join(work, name), join(files, "square", name));
  }
});

interface Call {
  readonly onProgress: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

type Operation = (call: Call) => Promise<unknown>;

const given = async () => ({
  dataset: await discoverDataset(join(work, "shapes")),
  network: await openNetwork(join(work, "tiny.onnx"), { preprocessing: "unit" }),
});

const operations: Readonly<Record<string, Operation>> = {
  "train the head": async (call) => train({ ...(await given()), ...call }),
  "train the last stage": async (call) =>
    train({ ...(await given()), ...call, finetune: { unfreeze: "1", epochs: 2, findLr: true, checkpoint } }),
  audit: async (call) => audit({ ...(await given()), ...call }),
};

/** The stages of an operation, in order. Numbers in their names vary. */
async function stagesOf(operation: Operation): Promise<string[]> {
  process.env.GRAFT_CACHE = join(work, `cache-${serial++}`);
  const stages = new Set<string>();
  await operation({ onProgress: ({ stage }) => stages.add(stage.split(",")[0]!) });
  return [...stages];
}

describe.each(Object.entries(operations))("%s", (_, operation) => {
  test("stops in each of its stages with the signal's reason", async () => {
    const stages = await stagesOf(operation);
    expect(stages.length).toBeGreaterThan(1);
    for (const stage of stages) {
      process.env.GRAFT_CACHE = join(work, `cache-${serial++}`);
      const controller = new AbortController();
      const reason = new Error(`stopped in ${stage}`);
      const onProgress = (progress: Progress): void => {
        if (progress.stage.startsWith(stage) && progress.done > 0) controller.abort(reason);
      };
      await expect(operation({ onProgress, signal: controller.signal }), stage).rejects.toBe(reason);
    }
  });
});

test("a fine-tuning that is stopped leaves its checkpoint", async () => {
  process.env.GRAFT_CACHE = join(work, `cache-${serial++}`);
  const controller = new AbortController();
  const own = join(work, "own.safetensors");
  const notes: string[] = [];
  const stopped = train({
    ...(await given()),
    finetune: { unfreeze: "1", epochs: 50, checkpoint: own },
    onEpoch: () => controller.abort(new Error("enough")),
    onNote: (text) => notes.push(text),
    signal: controller.signal,
  });
  await expect(stopped).rejects.toThrow("enough");
  expect(existsSync(own)).toBe(true);
  expect(notes.at(-1)).toMatch(
    /^Stopped in epoch \d+ of 50: the same command with --resume continues from .*own\.safetensors\.$/,
  );
});

describe("advice", () => {
  const field = async () => {
    const { network } = await given();
    return { candidates: [{ name: "tiny", open: async () => network }], leftOut: [] };
  };

  test("recommend: signal rejects, stop answers with what is known by then", async () => {
    process.env.GRAFT_CACHE = join(work, `cache-${serial++}`);
    const { dataset } = await given();
    const reason = new Error("enough");
    const aborted = new AbortController();
    const onProgress = (controller: AbortController) => (progress: Progress) => {
      if (progress.stage.startsWith("Round") && progress.done > 0) controller.abort(reason);
    };
    const call = { dataset, field: await field(), budgetSeconds: 60 };
    await expect(recommend({ ...call, onProgress: onProgress(aborted), signal: aborted.signal })).rejects.toBe(reason);
    await expect(recommend({ ...call, stop: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("compare: signal rejects in each stage", async () => {
    for (const stage of ["Reading features", "Fine-tuning on", "Choosing settings for the network from scratch"]) {
      process.env.GRAFT_CACHE = join(work, `cache-${serial++}`);
      const controller = new AbortController();
      const reason = new Error("enough");
      const onProgress = (progress: Progress): void => {
        if (progress.stage.startsWith(stage) && progress.done > 0) controller.abort(reason);
      };
      const dataset = await discoverDataset(join(work, "guesses"));
      const call = { ...(await given()), dataset, budgetSeconds: 60, onProgress, signal: controller.signal };
      await expect(compare(call), stage).rejects.toBe(reason);
    }
  });
});
