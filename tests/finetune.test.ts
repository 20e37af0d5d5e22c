/** Fine-tuning and training from scratch by the command line: killed and resumed, from nothing, and refused. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../src/base/random.ts";
import { graft, graftJson, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeStripes } from "./support/pictures.ts";

interface Trained {
  readonly network: string;
  readonly weights: string;
  readonly accuracy: { readonly validation: number; readonly test: number };
  readonly baseline: { readonly accuracy: number };
  readonly frozenUnchanged: boolean;
  readonly counts: { readonly validation: number };
  readonly finetune: {
    readonly boundary: string;
    readonly stages: readonly string[];
    readonly bestEpoch: number;
    readonly kept: string;
    readonly why: string;
    readonly choice?: { readonly folds: number; readonly examples: number };
    readonly stop?: { readonly kind: string; readonly epoch: number; readonly learningRate: number };
    readonly history: readonly { readonly epoch: number; readonly loss: number }[];
  };
}

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");
const pictures = join(work, "stripes");

const trainArgs = (out: string, ...more: string[]): string[] => [
  ...["train", pictures, "--network", network, "--preprocessing", "imagenet", "--out", join(work, out), "--no-audit"],
  ...["--no-explain", "--augment", "light", ...more],
];

beforeAll(async () => {
  writeFileSync(network, tinyNetwork(1, 2));
  await writeStripes(pictures, { level: 0, rising: Math.PI / 4, upright: Math.PI / 2 }, 40, 1);
});

/** Runs a training until it has started `epochs` more epochs, of any of its trainings, and a moment more, then kills it; or to its end. */
function killedAfter(args: readonly string[], epochs: number, moment: number): Promise<"killed" | "done"> {
  const child = spawn(process.execPath, [main, ...args, "--progress", "json"], {
    env: { ...process.env, GRAFT_CACHE: cache },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const seen = new Set<string>();
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const [stage] of text.matchAll(/Fine-tuning[^,"]*, epoch \d+/g)) seen.add(stage);
    if (seen.size > epochs) setTimeout(() => child.kill("SIGKILL"), moment);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL") resolve("killed");
      else if (code === 0) resolve("done");
      else reject(new Error(`graft ended with ${code}`));
    });
  });
}

test("killed at ten moments and resumed each time, it ends in the same model as if it had not been", async () => {
  const flags = ["--unfreeze", "all", "--epochs", "60", "--learning-rate", "0.01"];
  const whole = await graftJson<Trained>(trainArgs("whole", ...flags), cache);
  expect(whole.finetune.kept).toBe("fine-tuned");
  // So few images are judged in several trainings: an interruption may fall into any of them.
  expect(whole.finetune.choice!.folds).toBe(6);
  expect(whole.finetune.choice!.examples).toBe(whole.counts.validation);
  expect(whole.finetune.why).toMatch(/The fine-tuned network is kept: on \d+ images held out in 6 trainings/);
  const random = createRandom(11);
  let kills = 0;
  for (let run = 0; run < 10; run++) {
    const ended = await killedAfter(trainArgs("killed", ...flags, "--resume"), 25 + random.below(12), random.below(40));
    if (ended === "done") break;
    kills++;
    expect(existsSync(join(work, "killed", "model.onnx"))).toBe(false);
  }
  expect(kills).toBe(10);
  const resumed = await graftJson<Trained>(trainArgs("killed", ...flags, "--resume"), cache);
  expect(resumed.finetune.history).toEqual(whole.finetune.history);
  expect(readFileSync(join(work, "killed", "model.onnx"))).toEqual(readFileSync(join(work, "whole", "model.onnx")));
  expect(existsSync(join(work, "killed", "checkpoint.safetensors"))).toBe(false);
  // A dozen processes, and more than seven hundred epochs.
}, 600_000);

describe("--from-scratch", () => {
  test("learns from fresh parameters, the same for the same seed, and its file answers alike", async () => {
    const flags = ["--from-scratch", "--epochs", "40"];
    const found = await graftJson<Trained>(trainArgs("scratch", ...flags), cache);
    expect(found.weights).toBe("from scratch, seed 0");
    expect(found.finetune).toMatchObject({ boundary: "pixels", kept: "fine-tuned" });
    expect(found.accuracy.test).toBeGreaterThan(0.8);
    expect(found.baseline.accuracy).toBeLessThan(0.5);
    expect(found.frozenUnchanged).toBe(true);
    await graftJson<Trained>(trainArgs("scratch-again", ...flags), cache);
    expect(readFileSync(join(work, "scratch-again", "model.onnx"))).toEqual(
      readFileSync(join(work, "scratch", "model.onnx")),
    );
    const evaluated = await graftJson<{ accuracy: number }>(
      ["evaluate", join(work, "scratch", "model.onnx"), pictures],
      cache,
    );
    expect(evaluated.accuracy).toBeGreaterThan(0.8);
  });

  test("an architecture that Graft builds needs no weights, and no hub", async () => {
    const found = await graftJson<Trained>(
      [
        ...["train", pictures, "--network", "mobilenetv2_035", "--from-scratch", "--epochs", "1", "--batch", "8"],
        ...["--augment", "none", "--offline", "--no-explain", "--out", join(work, "architecture")],
      ],
      cache,
    );
    expect(found).toMatchObject({ network: "mobilenetv2_035", weights: "from scratch, seed 0" });
    expect(found.finetune.history.length).toBe(1);
  });

  test.each([
    ["stages", ["--unfreeze", "1"], "--from-scratch trains all stages"],
    ["weights", ["--weights", "w.safetensors"], "--from-scratch uses no weights"],
  ])("refuses %s beside it", async (_, more, said) => {
    const { code, stderr } = await graft(trainArgs("refused", "--from-scratch", ...more), cache);
    expect(code).toBe(2);
    expect(stderr).toContain(said);
  });
});

describe("what cannot go well", () => {
  test("an unknown stage: the real ones are listed", async () => {
    const { code, stderr } = await graft(trainArgs("stage", "--unfreeze", "nowhere"), cache);
    expect(code).toBe(2);
    expect(stderr).toMatch(/There is no stage "nowhere".*stages of .* are .*stage1/);
  });

  test("a loss that explodes: the epoch, the learning rate and a remedy, and the best weights are kept", async () => {
    const args = trainArgs("exploded", "--unfreeze", "all", "--epochs", "20", "--learning-rate", "1000000", "--json");
    const { code, stdout, stderr } = await graft(args, cache);
    expect(code).toBe(0);
    const { stop, bestEpoch } = (JSON.parse(stdout) as Trained).finetune;
    expect(["not-finite", "exploded"]).toContain(stop?.kind);
    expect(stderr).toMatch(/in epoch \d+ at a learning rate of .*try --learning-rate/);
    expect(bestEpoch).toBeLessThanOrEqual(stop!.epoch);
    expect(existsSync(join(work, "exploded", "model.onnx"))).toBe(true);
  });

  test("a batch of more than there is", async () => {
    const { code, stderr } = await graft(trainArgs("batch", "--unfreeze", "all", "--batch", "5000"), cache);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--batch 5000 is more than there are images to train on: give \d+ at most/);
  });

  test("a checkpoint of another training is not gone on from", async () => {
    const flags = ["--unfreeze", "all", "--epochs", "400", "--learning-rate", "0.001"];
    expect(await killedAfter(trainArgs("other", ...flags), 2, 0)).toBe("killed");
    const { code, stderr } = await graft(trainArgs("other", ...flags, "--seed", "5", "--resume"), cache);
    expect(code).toBe(2);
    expect(stderr).toMatch(/is of another training/);
  });
});
