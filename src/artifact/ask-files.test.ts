import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import type { Progress } from "../base/progress.ts";
import type { Answer } from "./artifact.ts";
import { type Asked, askFiles } from "./ask-files.ts";

const work = mkdtempSync(join(tmpdir(), "graft-ask-"));
const picture = join(work, "a.png");
const bad = join(work, "bad.png");
beforeAll(async () => {
  await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).toFile(picture);
  writeFileSync(bad, "no picture");
});

const answer: Answer = { probabilities: Float32Array.of(1), logits: Float32Array.of(1), novelty: undefined };
const artifact = (onAsk: () => void = () => {}) => ({
  predict: async () => {
    onAsk();
    return answer;
  },
});

test("answers come in the files' order, each before the next is asked; files at fault are passed over with the reason", async () => {
  let asked = 0;
  const told: Progress[] = [];
  const kinds: string[] = [];
  const files = [picture, bad, join(work, "none.png"), picture];
  const options = { stage: "Predicting", onProgress: (progress: Progress) => told.push(progress) };
  for await (const one of askFiles(
    artifact(() => asked++),
    files,
    options,
  )) {
    kinds.push(one.kind);
    expect(one.path).toBe(files[kinds.length - 1]);
    // Nothing runs ahead of who reads: what was answered was taken.
    expect(asked).toBe(kinds.filter((kind) => kind === "answered").length);
  }
  expect(kinds).toEqual(["answered", "unreadable", "unreadable", "answered"]);
  expect(told.map(({ done, total }) => [done, total])).toEqual([0, 1, 2, 3, 4].map((done) => [done, 4]));
});

test("a signal ends it with its reason before the next file", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const seen: Asked[] = [];
  const loop = async (): Promise<void> => {
    const files = Array.from({ length: 100 }, () => picture);
    for await (const one of askFiles(artifact(), files, { stage: "x", signal: controller.signal })) {
      seen.push(one);
      if (seen.length === 3) controller.abort(reason);
    }
  };
  await expect(loop()).rejects.toBe(reason);
  expect(seen).toHaveLength(3);
});

test("a model that fails is no picture's fault", async () => {
  const broken = artifact(() => {
    throw new TypeError("broken");
  });
  await expect(askFiles(broken, [picture], { stage: "x" }).next()).rejects.toThrow("broken");
});
