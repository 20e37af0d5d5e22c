import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mountAt, NO_MOUNT } from "../../tests/support/mount.ts";
import { makeFolder, writeWhole } from "./files.ts";
import { ownerName } from "./owner.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "graft-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a file that was being written when its process was killed", () => {
  const files = fileURLToPath(new URL("./files.ts", import.meta.url));

  it("is removed by the next writer, but not while its own writer is alive", async () => {
    // Writes into one file forever; uses the loader of the tests.
    const script = `
      const { register } = await import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))});
      register();
      const { writeWhole } = await import(${JSON.stringify(files)});
      function* endless() { for (;;) yield new Uint8Array(1); }
      await writeWhole(${JSON.stringify(join(folder, "x"))}, endless());`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    const parts = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".part"));
    await expect.poll(parts, { timeout: 30_000 }).toHaveLength(1);
    await writeWhole(join(folder, "one"), "1");
    expect(parts()).toHaveLength(1);
    child.kill("SIGKILL");
    await once(child, "exit");
    // A process looks only once; this one has, so another one must.
    await new Promise<void>((resolve) => {
      const other = spawn(process.execPath, [
        "--input-type=module",
        "-e",
        script.replace(/function\* endless[^\n]*\n/, "").replace("endless()", '"2"'),
      ]);
      other.on("exit", () => resolve());
    });
    expect(readdirSync(folder).sort()).toEqual(["one", "x"]);
    expect(readFileSync(join(folder, "x"), "utf8")).toBe("2");
  });

  it("on a machine that cannot be checked is removed when it is old; files with other names never are", async () => {
    const own = ownerName().split("-");
    const name = (age: string, ...start: string[]): string =>
      `.graft-${[...start, ...own.slice(start.length, 5), age].join("-")}.part`;
    const [young, old, mine] = [name("0a", "ffffffff"), name("0b", "ffffffff"), name("0c")];
    const before = new Date(Date.now() - 3 * 86_400_000);
    for (const one of [young, old, mine, "notes.part", ".graft-notes.part"]) {
      writeFileSync(join(folder, one), "");
      if (one !== young) utimesSync(join(folder, one), before, before);
    }
    await writeWhole(join(folder, "x"), "");
    expect(readdirSync(folder).sort()).toEqual([young, mine, ".graft-notes.part", "notes.part", "x"].sort());
  });
});

describe("makeFolder", () => {
  it("says that a disk is read-only, at any depth", async ({ skip }) => {
    const disk = mountAt(join(folder, "disk"), "size=100k");
    if (!disk) return skip(NO_MOUNT);
    try {
      mkdirSync(join(folder, "disk/there"));
      disk.remount("ro");
      await makeFolder(join(folder, "disk/there"));
      for (const path of ["disk/a", "disk/a/b/c", "disk/there/d"])
        await expect(makeFolder(join(folder, path))).rejects.toThrow("the disk is read-only: choose another folder");
    } finally {
      disk.unmount();
    }
  });

  it("says that a file is in the way", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(makeFolder(join(folder, "file"))).rejects.toThrow("a file of that name is in the way");
    await expect(makeFolder(join(folder, "file/a/b"))).rejects.toThrow("a part of that path is a file");
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(folder, "a/b/c"))));
  });
});
