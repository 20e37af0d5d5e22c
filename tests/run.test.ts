/** The files of a run as one: written, killed, read, taken apart by hand. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { createRandom } from "../src/base/random.ts";
import { replaceAlone, settle } from "../src/base/replace.ts";
import { renderCard } from "../src/report/card.ts";
import { renderReport } from "../src/report/report.ts";
import type { TrainRun } from "../src/run/facts.ts";
import { disagreement, readRun, readRunPredictions, settledModel } from "../src/run/read.ts";
import { runFileNames } from "../src/run/run-files.ts";
import { writeRun } from "../src/run/save.ts";
import { createLog } from "../src/studio/runs/log.ts";
import { stateOf } from "../src/studio/runs/record.ts";
import { graft, temporaryFolder } from "./support/cli.ts";
import { killWriters } from "./support/kill-runs.ts";
import { mountAt, NO_MOUNT } from "./support/mount.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";
import { digestsIn, trainedRun } from "./support/run.ts";

const work = temporaryFolder();
const pictures = join(work, "shapes");
const network = join(work, "tiny.onnx");
const pages = { report: renderReport, card: renderCard };
let first: TrainRun;
let second: TrainRun;

beforeAll(async () => {
  vi.stubEnv("GRAFT_CACHE", join(work, "cache"));
  writeFileSync(network, tinyNetwork());
  await writeShapes(pictures, { circle: 12, square: 12 });
  first = await trainedRun(pictures, network, "", 1);
  second = await trainedRun(pictures, network, "", 2);
  return () => vi.unstubAllEnvs();
});

let folders = 0;
/** A folder with the first run and a file of the user's in it. */
async function written(): Promise<string> {
  const out = join(work, `out ${++folders}`);
  await writeRun({ ...first, out }, pages);
  writeFileSync(join(out, "mine.txt"), "mine");
  return out;
}

/** A folder whose model is of the second run and whose other files are of the first. */
async function mixed(): Promise<string> {
  const [out, other] = [await written(), join(work, `out ${++folders}`)];
  await writeRun({ ...second, out: other }, pages);
  copyFileSync(join(other, "model.onnx"), join(out, "model.onnx"));
  return out;
}

describe("a run's files", () => {
  test("each name the model's SHA-256, and are read again", async () => {
    const out = await written();
    const digests = digestsIn(out);
    expect(Object.keys(digests).sort()).toEqual([...runFileNames].sort());
    expect(new Set(Object.values(digests)).size).toBe(1);
    const { modelSha256 } = await writeRun({ ...first, out }, pages);
    expect(digests["metrics.json"]).toBe(modelSha256);
    const run = (await readRunPredictions(out))!;
    expect(run.metrics).toMatchObject({ schemaVersion: 1, modelSha256, classes: ["circle", "square"] });
    expect(run.made.dataset.path).toBe(pictures);
    expect(run.answers.answers).toHaveLength(run.metrics.counts.test);
    expect(await disagreement(join(out, "model.onnx"), modelSha256)).toBeUndefined();
  });

  test("of a version that is not known are refused; those of before there were versions are read", async () => {
    const out = await written();
    const path = join(out, "metrics.json");
    const metrics = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...metrics, schemaVersion: 2 }));
    await expect(readRun(out)).rejects.toThrow("written by a newer Graft (its schemaVersion is 2");
    writeFileSync(path, JSON.stringify({ ...metrics, schemaVersion: undefined, modelSha256: undefined }));
    expect((await readRun(out))?.metrics.modelSha256).toBeUndefined();
  });

  test.each([
    ["cut off", (text: string) => text.slice(0, -40)],
    ["empty", () => ""],
    ["other JSON", () => "[1]"],
    ["a number turned into a text", (text: string) => text.replace(/"accuracy": [\d.]+/g, '"accuracy": "high"')],
    ["with millions of values", () => `{"classes":[${"[],".repeat(3e6)}[]]}`],
  ])("a damaged metrics.json, %s, is one sentence that names it", async (_, damage) => {
    const out = await written();
    const path = join(out, "metrics.json");
    writeFileSync(path, damage(readFileSync(path, "utf8")));
    await expect(readRun(out)).rejects.toThrow(`${path} is damaged`);
    expect(await stateOf(out, createLog().summary(), false)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("is damaged"),
    });
  });
});

describe("files of two runs in one folder", () => {
  test("are not read as one", async () => {
    const out = await mixed();
    await expect(readRun(out)).rejects.toThrow(
      /The files in .* are of different trainings: graft\.json is of the model/,
    );
    await expect(readRun(out)).rejects.toMatchObject({ code: "run-mixed" });
    expect(await stateOf(out, createLog().summary(), false)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("are of different trainings"),
    });
  });

  test("are reported by evaluate and explain, which use the model", async () => {
    const out = await mixed();
    const cache = join(work, "cache");
    const [model, picture] = [join(out, "model.onnx"), join(pictures, "circle/000.png")];
    for (const words of [
      ["evaluate", model, pictures],
      ["explain", model, picture, "--out", join(work, "why")],
    ]) {
      const { code, stderr } = await graft(words, cache);
      expect(code, stderr).toBe(0);
      expect(stderr).toContain("are of different trainings");
    }
    rmSync(join(out, "graft.json"));
    rmSync(join(out, "report.html"));
    expect((await graft(["evaluate", model, pictures], cache)).stderr).toContain("answers.json is of the model");
    for (const name of ["answers.json", "card.md", "metrics.json"]) rmSync(join(out, name));
    expect((await graft(["evaluate", model, pictures], cache)).stderr).not.toContain("different trainings");
  });
});

describe("a training that is killed while it writes", () => {
  test("at every step: all files are of the old run, or all of the new", async () => {
    const made = join(work, "made");
    await writeRun({ ...second, out: made }, pages);
    const files = new Map(runFileNames.map((name) => [name, readFileSync(join(made, name))]));
    const fresh = digestsIn(made)["model.onnx"];
    const steps: string[] = [];
    await replaceAlone(await written(), runFileNames, files, (step) => void steps.push(step));
    for (const [stop, name] of steps.entries()) {
      const out = await written();
      const old = digestsIn(out)["model.onnx"];
      let seen = 0;
      await new Promise<void>((resolve) => {
        void replaceAlone(out, runFileNames, files, () => {
          if (seen++ < stop) return;
          resolve();
          return new Promise<void>(() => {});
        });
      });
      const run = await readRunPredictions(out);
      expect(run?.model.sha256, name).toBe(stop > steps.indexOf("commit") ? fresh : old);
      expect(new Set(Object.values(digestsIn(out))).size, name).toBe(1);
      expect(readFileSync(join(out, "mine.txt"), "utf8")).toBe("mine");
      await writeRun({ ...first, out }, pages);
      expect(readdirSync(out).sort()).toEqual([...runFileNames, "mine.txt"].sort());
    }
  });

  test("20 times at random: every file agrees, and the user's own are as they were", async () => {
    const [out, other] = [await written(), join(work, "other")];
    await writeRun({ ...second, out: other }, pages);
    const random = createRandom(Number(process.env.GRAFT_TEST_SEED ?? 1));
    const report = await killWriters({ runs: [other, await written()], out, kills: 20, random, longest: 120 });
    expect(report.faults).toEqual([]);
    expect(readdirSync(out).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  test("commands read the new model where it could not be moved into its place", async ({ skip }) => {
    const disk = mountAt(join(work, "disk"), "size=20m");
    if (!disk) return skip(NO_MOUNT);
    try {
      const [out, made] = [join(work, "disk/out"), join(work, "made-too")];
      await writeRun({ ...first, out }, pages);
      await writeRun({ ...second, out: made }, pages);
      mkdirSync(join(out, ".graft-files"));
      cpSync(made, join(out, ".graft-files/ready-000000000000001"), { recursive: true });
      disk.remount("ro");
      expect(await settledModel(join(out, "model.onnx"))).toContain("ready-");
      expect((await readRunPredictions(out))?.model.sha256).toBe(digestsIn(made)["model.onnx"]);
      disk.remount("rw");
      await settle(out, runFileNames);
      expect(digestsIn(out)).toEqual(digestsIn(made));
    } finally {
      disk.unmount();
    }
  });
});

describe("an output folder that cannot be written", () => {
  test("full, or read-only: the run in it stays whole, and it is one sentence", async ({ skip }) => {
    const disk = mountAt(join(work, "disk-2"), "size=3m");
    if (!disk) return skip(NO_MOUNT);
    try {
      const out = join(work, "disk-2/out");
      await writeRun({ ...first, out }, pages);
      const before = digestsIn(out);
      // The disk has space for some of the new files, not for all.
      writeFileSync(join(work, "disk-2/filler"), Buffer.alloc(0));
      for (const [size, what] of [
        ["fill", "the disk is full"],
        ["ro", "the disk is read-only"],
      ] as const) {
        if (size === "fill") fill(join(work, "disk-2/filler"));
        else disk.remount("ro");
        await expect(writeRun({ ...second, out }, pages)).rejects.toThrow(what);
        expect(digestsIn(out)).toEqual(before);
        const args = ["train", pictures, "--network", network, "--preprocessing", "imagenet", "--out", out];
        const { code, stderr } = await graft(args, join(work, "cache"));
        expect([code, stderr.trim().split("\n").at(-1)]).toEqual([1, expect.stringContaining(what)]);
        expect(stderr).not.toContain("ENOENT");
        expect(digestsIn(out)).toEqual(before);
      }
      expect(readdirSync(out).sort()).toEqual([...runFileNames].sort());
    } finally {
      disk.unmount();
    }
  });
});

/** Writes until the disk has only a few kilobytes left. */
function fill(path: string): void {
  for (let bytes = 4096; ; bytes += 4096) {
    try {
      writeFileSync(path, Buffer.alloc(bytes));
    } catch {
      writeFileSync(path, Buffer.alloc(Math.max(0, bytes - 8 * 4096)));
      return;
    }
  }
}
