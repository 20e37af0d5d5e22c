import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import type { Progress } from "../base/progress.ts";
import { type FilePrediction, predictFiles } from "./open-artifact.ts";
import type { RawPrediction } from "./predict.ts";

const work = mkdtempSync(join(tmpdir(), "graft-ask-"));
const image = join(work, "a.png");
const bad = join(work, "bad.png");
beforeAll(async () => {
  await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).toFile(image);
  writeFileSync(bad, "no image");
});

const raw: RawPrediction = { probabilities: Float32Array.of(1), logits: Float32Array.of(1), oodScore: undefined };
const artifact = (onPredict: () => void = () => {}) => ({
  predict: async () => {
    onPredict();
    return raw;
  },
});

test("predictions come in the files' order, one call at a time; unreadable files are reported with the reason", async () => {
  let calls = 0;
  const reported: Progress[] = [];
  const kinds: string[] = [];
  const files = [image, bad, join(work, "none.png"), image];
  const options = { stage: "Predicting", onProgress: (progress: Progress) => reported.push(progress) };
  for await (const one of predictFiles(
    artifact(() => calls++),
    files,
    options,
  )) {
    kinds.push(one.kind);
    expect(one.path).toBe(files[kinds.length - 1]);
    // The model never runs ahead of the consumer.
    expect(calls).toBe(kinds.filter((kind) => kind === "predicted").length);
  }
  expect(kinds).toEqual(["predicted", "unreadable", "unreadable", "predicted"]);
  expect(reported.map(({ done, total }) => [done, total])).toEqual([0, 1, 2, 3, 4].map((done) => [done, 4]));
});

test("a signal ends the loop with its reason before the next file", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const seen: FilePrediction[] = [];
  const loop = async (): Promise<void> => {
    const files = Array.from({ length: 100 }, () => image);
    for await (const one of predictFiles(artifact(), files, { stage: "x", signal: controller.signal })) {
      seen.push(one);
      if (seen.length === 3) controller.abort(reason);
    }
  };
  await expect(loop()).rejects.toBe(reason);
  expect(seen).toHaveLength(3);
});

test("an error of the model is not reported as an unreadable file", async () => {
  const broken = artifact(() => {
    throw new TypeError("broken");
  });
  await expect(predictFiles(broken, [image], { stage: "x" }).next()).rejects.toThrow("broken");
});
