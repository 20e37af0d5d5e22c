import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mountAt, NO_MOUNT } from "../../tests/support/mount.ts";
import { replaceAlone, replaceTogether, settle } from "./replace.ts";

const names = ["a.bin", "b.json", "c.html"];
const version = (tag: string): Map<string, string> => new Map(names.map((name) => [name, `${name} of ${tag}`]));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "graft replace é#%"));
  writeFileSync(join(folder, "mine.txt"), "mine");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string, at = folder): string | undefined =>
  existsSync(join(at, name)) ? readFileSync(join(at, name), "utf8") : undefined;

/** The tag that all files have; fails if they differ. */
function tagIn(at = folder): string | undefined {
  const tags = new Set(names.map((name) => read(name, at)?.split(" of ")[1]));
  expect(tags.size, [...tags].join()).toBe(1);
  return [...tags][0];
}

/** Starts a replacement that stops forever before a step, like a killed process; nothing is cleaned up. */
async function stoppedBefore(step: number, tag: string): Promise<string> {
  let seen = 0;
  return new Promise((resolve, reject) => {
    replaceAlone(folder, names, version(tag), (name) => {
      if (seen++ < step) return;
      resolve(name);
      return new Promise<void>(() => {});
    }).then(() => resolve("done"), reject);
  });
}

describe("replacing files together", () => {
  it("writes new files, leaves others alone, and leaves nothing behind", async () => {
    await replaceTogether(join(folder, "deep/er"), names, version("one"));
    expect(tagIn(join(folder, "deep/er"))).toBe("one");
    expect(readdirSync(join(folder, "deep/er")).sort()).toEqual(names);
    await replaceTogether(folder, names, version("one"));
    await replaceTogether(folder, names, version("two"));
    expect(tagIn()).toBe("two");
    expect(readdirSync(folder).sort()).toEqual([...names, "deep", "mine.txt"]);
    expect(read("mine.txt")).toBe("mine");
  });

  it("stopped before any step leaves the old files or the new ones, and the next call continues", async () => {
    const seen: string[] = [];
    await replaceAlone(folder, names, version("old"), (step) => void seen.push(step));
    expect(seen.indexOf("commit")).toBeGreaterThan(0);
    for (const step of seen.keys()) {
      await replaceTogether(folder, names, version(`old ${step}`));
      expect(await stoppedBefore(step, `new ${step}`)).toBe(seen[step]);
      // As a reader sees them, before and after it moves the rest.
      const at = await settle(folder, names);
      const found = new Set(names.map((name) => readFileSync(at.path(name), "utf8").split(" of ")[1]));
      const isNew = step > seen.indexOf("commit");
      expect([...found], seen[step]).toEqual([`${isNew ? "new" : "old"} ${step}`]);
      expect(tagIn()).toBe([...found][0]);
      if (isNew) expect(readdirSync(folder).sort()).toEqual([...names, "mine.txt"]);
      await replaceTogether(folder, names, version("next"));
      expect(tagIn()).toBe("next");
      expect(readdirSync(folder).sort()).toEqual([...names, "mine.txt"]);
      expect(read("mine.txt")).toBe("mine");
    }
  });

  it("also the first time leaves nothing or everything", async () => {
    for (let step = 0; ; step++) {
      const stopped = await stoppedBefore(step, "first");
      if (stopped === "done") break;
      await settle(folder, names);
      expect([undefined, "first"]).toContain(tagIn());
      for (const name of names) rmSync(join(folder, name), { force: true });
      rmSync(join(folder, ".graft-files"), { recursive: true, force: true });
    }
  });

  it("reads a file that cannot be moved where it waits, with all other files new", async () => {
    await replaceTogether(folder, names, version("old"));
    const steps: string[] = [];
    await replaceAlone(folder, names, version("old"), (step) => void steps.push(step));
    await stoppedBefore(steps.indexOf("flush the commit"), "new");
    rmSync(join(folder, "b.json"));
    mkdirSync(join(folder, "b.json/in-the-way"), { recursive: true });
    const at = await settle(folder, names);
    expect(names.map((name) => readFileSync(at.path(name), "utf8"))).toEqual([...version("new").values()]);
    rmSync(join(folder, "b.json"), { recursive: true });
    await settle(folder, names);
    expect(tagIn()).toBe("new");
  });

  it("reports a folder in the way before anything is written", async () => {
    await replaceTogether(folder, names, version("old"));
    rmSync(join(folder, "c.html"));
    mkdirSync(join(folder, "c.html"));
    await expect(replaceTogether(folder, names, version("new"))).rejects.toThrow("a folder of that name is in the way");
    expect([read("a.bin"), read("b.json")]).toEqual(["a.bin of old", "b.json of old"]);
    expect(readdirSync(folder).sort()).toEqual([...names, "mine.txt"]);
  });

  it("moves only the given names, and follows no links", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "graft-elsewhere-"));
    writeFileSync(join(elsewhere, "a.bin"), "private");
    mkdirSync(join(folder, ".graft-files/ready-2"), { recursive: true });
    symlinkSync(elsewhere, join(folder, ".graft-files/ready-1"));
    symlinkSync(join(elsewhere, "a.bin"), join(folder, ".graft-files/ready-2/b.json"));
    writeFileSync(join(folder, ".graft-files/ready-2/mine.txt"), "theirs");
    await settle(folder, names);
    expect([read("a.bin"), read("b.json"), read("mine.txt")]).toEqual([undefined, undefined, "mine"]);
    expect(readFileSync(join(elsewhere, "a.bin"), "utf8")).toBe("private");
    rmSync(elsewhere, { recursive: true });
  });

  it("concurrent readers see all files of one version", async () => {
    await replaceTogether(folder, names, version("0"));
    let writing = true;
    const reader = async (): Promise<void> => {
      while (writing) {
        await settle(folder, names);
        // Between looking and reading, a newer version may appear, never an older one.
        const tags = names.map((name) => Number(readFileSync(join(folder, name), "utf8").split(" of ")[1]));
        expect(Math.max(...tags) - Math.min(...tags)).toBeLessThanOrEqual(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const readers = [reader(), reader(), reader()];
    for (let i = 1; i <= 40; i++) await replaceTogether(folder, names, version(String(i)));
    writing = false;
    await Promise.all(readers);
    expect(tagIn()).toBe("40");
    expect(readdirSync(folder).sort()).toEqual([...names, "mine.txt"]);
  });

  it("concurrent writers take turns", async () => {
    await Promise.all(Array.from({ length: 8 }, (_, i) => replaceTogether(folder, names, version(String(i)))));
    expect(Number(tagIn())).toBeGreaterThanOrEqual(0);
    expect(readdirSync(folder).sort()).toEqual([...names, "mine.txt"]);
  });
});

describe("a disk that refuses", () => {
  it("because it is full: the old files stay, nothing is left behind, and the error is a sentence", async ({
    skip,
  }) => {
    const disk = mountAt(join(folder, "disk"), "size=200k");
    if (!disk) return skip(NO_MOUNT);
    try {
      const at = join(folder, "disk/run");
      await replaceTogether(at, names, version("old"));
      const large = new Map<string, string | Uint8Array>([...version("new"), ["b.json", new Uint8Array(400_000)]]);
      await expect(replaceTogether(at, names, large)).rejects.toThrow(`Could not write ${at}: the disk is full`);
      expect(tagIn(at)).toBe("old");
      expect(readdirSync(at).sort()).toEqual(names);
      await replaceTogether(at, names, version("new"));
      expect(tagIn(at)).toBe("new");
    } finally {
      disk.unmount();
    }
  });

  it("because it is read-only: the error says so, and waiting files are read where they are", async ({ skip }) => {
    const disk = mountAt(join(folder, "disk"), "size=1m");
    if (!disk) return skip(NO_MOUNT);
    const outer = folder;
    try {
      const at = join(folder, "disk/run");
      await replaceTogether(at, names, version("old"));
      folder = at;
      const steps: string[] = [];
      await replaceAlone(at, names, version("old"), (step) => void steps.push(step));
      await stoppedBefore(steps.indexOf("move b.json"), "new");
      disk.remount("ro");
      const settled = await settle(at, names);
      expect(names.map((name) => readFileSync(settled.path(name), "utf8"))).toEqual([...version("new").values()]);
      for (const place of [at, join(at, "new/folder")])
        await expect(replaceTogether(place, names, version("x"))).rejects.toThrow("the disk is read-only");
    } finally {
      folder = outer;
      disk.unmount();
    }
  });
});
