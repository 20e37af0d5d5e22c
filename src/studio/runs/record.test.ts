import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withLock } from "../../base/lock.ts";
import type { RunInfo, RunSettings } from "../api.ts";
import { readSettings, trainArgs } from "./launch.ts";
import { BEGINS, createLog, endLine } from "./log.ts";
import { files, readRun } from "./record.ts";

const settings: RunSettings = { network: "resnet50", unfreeze: "none", seed: 0, classWeights: "none" };
const epoch = (number: number): string =>
  JSON.stringify({ event: "epoch", epoch: { epoch: number, loss: 1 / number, validationAccuracy: 0.5 } });

function folderOf(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "graft-run-"));
  writeFileSync(join(folder, files.record), JSON.stringify({ createdAt: "2026-01-01T00:00:00.000Z", settings }));
  writeFileSync(join(folder, files.events), lines.map((line) => `${line}\n`).join(""));
  return folder;
}

const runOf = async (folder: string): Promise<RunInfo> => {
  const found = await readRun(folder, "x", false);
  if (found.kind !== "read") throw new Error(JSON.stringify(found));
  return found.value;
};

describe("a run", () => {
  it("is what its folder says", async () => {
    const stopped = folderOf([BEGINS, epoch(1), endLine("stopped", "Ended on request."), "graft: Ended on request."]);
    expect((await runOf(stopped)).state).toEqual({ kind: "stopped" });
    const failed = folderOf([BEGINS, "A note.", "graft: The disk is full."]);
    expect(await runOf(failed)).toMatchObject({
      state: { kind: "failed", reason: "The disk is full." },
      notes: ["A note."],
    });
    // A power cut leaves no message.
    expect((await runOf(folderOf([BEGINS, epoch(1)]))).state).toEqual({ kind: "stopped" });
    expect(await readRun(mkdtempSync(join(tmpdir(), "graft-run-")), "x", false)).toEqual({ kind: "absent" });
    expect(await readRun(join(stopped, "none"), "x", false)).toEqual({ kind: "absent" });
  });

  it("stopped by its failure's code, whatever the sentence says; what was said first counts", async () => {
    const words = folderOf([BEGINS, endLine("work-failed", "Stopped: the disk is full."), endLine("stopped", "x")]);
    expect((await runOf(words)).state).toEqual({ kind: "failed", reason: "Stopped: the disk is full." });
    const unknown = folderOf([BEGINS, '{"event":"failure","failure":{"code":"of-the-future","message":"m"}}']);
    expect((await runOf(unknown)).state).toEqual({ kind: "failed", reason: "m" });
  });

  it("runs as long as a living process holds its folder, whoever started it", async () => {
    const folder = folderOf([BEGINS]);
    await withLock(join(folder, files.lock), { whenHeld: "fail" }, async () => {
      expect((await runOf(folder)).state).toEqual({ kind: "running", progress: null });
    });
    expect((await runOf(folder)).state.kind).toBe("stopped");
  });

  it("that went on tells each epoch once, and forgets why it had stopped", () => {
    const lines = [BEGINS, epoch(1), epoch(2), "graft: Stopped.", BEGINS, epoch(2), epoch(3), "Note.", "Note."];
    const log = createLog();
    for (const line of lines) log.add(line);
    const found = log.summary();
    expect(found.epochs.map((one) => one.epoch)).toEqual([1, 2, 3]);
    expect([found.failure, found.notes]).toEqual([undefined, ["Note."]]);
  });
});

describe("settings", () => {
  it("become the arguments of a command, those of fine-tuning only if it is requested", () => {
    const tuned = readSettings({ ...settings, unfreeze: "2", epochs: 5, learningRate: 0.01, augment: "light" }, [
      "resnet50",
    ]);
    expect(trainArgs("d", "o", tuned, true).join(" ")).toBe(
      "train d --network resnet50 --seed 0 --class-weights none --unfreeze 2 --epochs 5 --augment light --learning-rate 0.01 --resume --out o --progress json --json",
    );
    expect(trainArgs("d", "o", { ...tuned, unfreeze: "none" }, true).join(" ")).toBe(
      "train d --network resnet50 --seed 0 --class-weights none --unfreeze none --out o --progress json --json",
    );
  });

  it.each([
    null,
    3,
    {},
    { ...settings, network: "other" },
    { ...settings, classWeights: "x" },
    { ...settings, unfreeze: "1", epochs: 0 },
    { ...settings, unfreeze: "1", epochs: "5" },
    { ...settings, unfreeze: "--json" },
    { ...settings, unfreeze: "1", augment: "constructor" },
    { ...settings, seed: 2 ** 32 },
    { ...settings, colour: "red" },
  ])("%j: refused", (value) => {
    expect(() => readSettings(value, ["resnet50"])).toThrow(/^(A training|The setting \w+) .*[.?]$/);
  });

  it("of fine-tuning are refused without fine-tuning", () => {
    expect(() => readSettings({ ...settings, epochs: 5 }, ["resnet50"])).toThrow(
      "epochs only applies to fine-tuning: choose the layers to train, or leave it out.",
    );
  });
});
