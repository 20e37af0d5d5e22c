import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { discoverDataset } from "../data/dataset/discover.ts";
import type { Finding, Suspect } from "./check.ts";
import { freeQuarantine, type Move, planMoves, quarantine, undoQuarantine } from "./quarantine.ts";

let work: string;
let root: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), "graft-quarantine-"));
  root = join(work, "data");
  for (const name of ["a", "b"]) {
    await mkdir(join(root, name), { recursive: true });
    for (let i = 0; i < 4; i++) await writeFile(join(root, name, `${i}.png`), `${name}${i}`);
  }
});
afterEach(() => rm(work, { recursive: true }));

/** Every file below the folder of this test with its content. */
async function files(): Promise<Record<string, string>> {
  const entries = await readdir(work, { recursive: true, withFileTypes: true });
  const found: Record<string, string> = {};
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    found[path.slice(work.length + 1)] = await readFile(path, "utf8");
  }
  return found;
}

const suspectAt = (path: string, fix: Suspect["fix"] = "quarantine"): Suspect => ({
  path: join(root, path),
  label: dirname(path),
  split: undefined,
  why: "odd",
  confidence: 1,
  fix,
});

const finding = (...suspects: Suspect[]): Finding => ({
  check: "label-errors",
  title: "Odd.",
  advice: "Look.",
  severity: "harmful",
  confidence: 1,
  groups: suspects.map((one) => [one]),
});

async function planned(...suspects: Suspect[]): Promise<{ moves: readonly Move[]; folder: string }> {
  const folder = await freeQuarantine(root);
  return { moves: planMoves(await discoverDataset(root), [finding(...suspects)], folder), folder };
}

describe("quarantine", () => {
  it("moves what findings would remove, and undoing restores every byte", async () => {
    const before = await files();
    const { moves, folder } = await planned(suspectAt("a/1.png"), suspectAt("a/2.png", "keep"), suspectAt("b/0.png"));
    await quarantine(moves, folder);
    const between = await files();
    expect(between["data-quarantine/a/1.png"]).toBe("a1");
    expect(between["data-quarantine/b/0.png"]).toBe("b0");
    expect(between["data/a/1.png"]).toBeUndefined();
    expect(between["data/a/2.png"]).toBe("a2");
    expect(basename(await freeQuarantine(root))).toBe("data-quarantine-2");
    expect(await undoQuarantine(folder)).toBe(2);
    expect(await files()).toEqual(before);
    expect(await readdir(work)).toEqual(["data"]);
  });

  it("that fails half-way moves everything back", async () => {
    const before = await files();
    const { moves, folder } = await planned(suspectAt("a/1.png"), suspectAt("b/0.png"), suspectAt("b/1.png"));
    let count = 0;
    const failing = async (from: string, to: string): Promise<void> => {
      if (++count === 3) throw Object.assign(new Error("no"), { code: "EIO" });
      await rename(from, to);
    };
    await expect(quarantine(moves, folder, failing)).rejects.toMatchObject({
      kind: "work",
      message: expect.stringMatching(/b\/1\.png .*\(EIO\), so the 2 files moved before were moved back/),
    });
    expect(await files()).toEqual(before);
    expect(await readdir(work)).toEqual(["data"]);
  });

  it("that was killed half-way can be undone", async () => {
    const before = await files();
    const { moves, folder } = await planned(suspectAt("a/1.png"), suspectAt("b/0.png"));
    await quarantine(moves, folder);
    // Simulates a kill before the second move.
    await rename(moves[1]!.to, moves[1]!.from);
    expect(await undoQuarantine(folder)).toBe(1);
    expect(await files()).toEqual(before);
  });

  it("never overwrites a file at an image's original path", async () => {
    const { moves, folder } = await planned(suspectAt("a/1.png"), suspectAt("b/0.png"));
    await quarantine(moves, folder);
    await writeFile(join(root, "b/0.png"), "new");
    const between = await files();
    await expect(undoQuarantine(folder)).rejects.toThrow("is now another file, so nothing was moved back");
    expect(await files()).toEqual(between);
  });

  it("rejects a list that it did not write", async () => {
    await expect(undoQuarantine(join(work, "none"))).rejects.toThrow("No list of moves");
    for (const text of ["{", "[]", '{"kind":"graft quarantine 1","moves":[{"from":1}]}']) {
      await writeFile(join(work, "undo.json"), text);
      await expect(undoQuarantine(work)).rejects.toThrow("is not a list of moves from");
    }
  });
});

describe("planMoves", () => {
  it("rejects a plan that leaves one class, or none, and moves nothing", async () => {
    const all = ["b/0.png", "b/1.png", "b/2.png"].map((path) => suspectAt(path));
    await expect(planned(...all)).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(
        /^Nothing was moved, because 3 of \d+ images would go and only one class, "a", would be left/,
      ),
    });
    await expect(planned(...all, ...["a/0.png", "a/1.png", "a/2.png"].map((path) => suspectAt(path)))).rejects.toThrow(
      "no class would be left",
    );
  });

  it("moves an image of several findings once", async () => {
    const { moves } = await planned(suspectAt("a/1.png"), suspectAt("a/1.png"));
    expect(moves).toHaveLength(1);
  });

  it("keeps what is only worth a look, unless requested", async () => {
    const findings = [finding(suspectAt("a/1.png"), suspectAt("a/2.png", "ask"), suspectAt("b/0.png", "keep"))];
    const dataset = await discoverDataset(root);
    const names = (doubtful?: boolean): string[] =>
      planMoves(dataset, findings, "q", { doubtful }).map(({ from }) => basename(from));
    expect(names()).toEqual(["1.png"]);
    expect(names(false)).toEqual(["1.png"]);
    expect(names(true)).toEqual(["1.png", "2.png"]);
  });

  it("rejects an archive", async () => {
    const dataset = { ...(await discoverDataset(root)), archive: "photos.zip" };
    expect(() => planMoves(dataset, [finding(suspectAt("a/1.png"))], "q")).toThrow("photos.zip is an archive");
  });

  it("rejects a list of images", async () => {
    const list = join(work, "list.csv");
    await writeFile(
      list,
      ["path,label", ...["a", "b"].flatMap((c) => [0, 1].map((i) => `data/${c}/${i}.png,${c}`))].join("\n"),
    );
    const dataset = await discoverDataset(list);
    expect(() => planMoves(dataset, [finding(suspectAt("a/1.png"))], "q")).toThrow("come from a list");
  });
});
