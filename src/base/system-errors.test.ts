import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, open, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { GraftError } from "./errors.ts";
import { inFolder, makeFolder, readBytes, writeWhole } from "./files.ts";
import { asSentence, readFailure, systemReason } from "./system-errors.ts";

const work = mkdtempSync(join(tmpdir(), "graft-system-"));
const file = join(work, "file");
const folder = join(work, "folder");
const locked = join(work, "locked");
const circle = join(work, "circle");
writeFileSync(file, "text");
mkdirSync(folder);
symlinkSync(circle, circle);
writeFileSync(locked, "secret");
chmodSync(locked, 0);
const isRoot = process.getuid?.() === 0;

/** The error that was thrown. */
const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Searches for codes outside of the work folder's name, whose random letters may look like one. */
const isSentence = (message: string): boolean =>
  /^[A-Z].*: .*[a-z)]\.$/.test(message) &&
  !/E[A-Z]{4,}|syscall|errno|\n/.test(message.replaceAll(dirname(work), "").replaceAll(basename(work), ""));

describe("a file that cannot be read", () => {
  const cases: [string, string, RegExp][] = [
    ["is missing", join(work, "nothing"), /does not exist/],
    ["is a folder", folder, /is a folder/],
    ["is below a file", join(file, "x"), /is a file, not a folder/],
    ["has too long a name", join(work, "n".repeat(5000)), /too long/],
    ["is a circle of links", circle, /circle/],
    ["has a NUL in its name", join(work, "a\0b"), /invalid character/],
  ];
  test.each(cases)("%s", async (_, path, says) => {
    const error = await failure(readBytes(path));
    expect(error).toBeInstanceOf(GraftError);
    const { message, kind, cause } = error as GraftError;
    expect(message).toMatch(says);
    expect(isSentence(message), message).toBe(true);
    expect(message.length).toBeLessThan(700);
    expect(kind).toBe("data");
    expect(cause).toBeInstanceOf(Error);
  });

  test.skipIf(isRoot)("is locked", async () => {
    expect(((await failure(readBytes(locked))) as Error).message).toMatch(/may not read it/);
  });

  it("is the machine's fault if too many files are open, so no file may be skipped", () => {
    const error = readFailure("a.jpg", Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" }));
    expect([error.kind, error.message]).toEqual(["work", expect.stringContaining("ulimit -n")]);
  });

  it("that is an argument is a usage error only if it is missing", async () => {
    const missing = { missing: "usage" } as const;
    expect(await failure(readBytes(join(work, "nothing"), "x", missing))).toMatchObject({ kind: "usage" });
    expect(await failure(readBytes(folder, "x", missing))).toMatchObject({ kind: "data" });
  });
});

describe("a file that cannot be written", () => {
  test.each([
    ["below a file", join(file, "x"), /a file of that name is in the way/],
    ["deep below a file", join(file, "x", "y", "z"), /is a file, not a folder/],
    ["over a folder", folder, /a folder of that name is in the way/],
    ["under too long a name", join(work, "n".repeat(5000)), /too long/],
  ])("%s", async (_, path, says) => {
    const error = (await failure(writeWhole(path, "x"))) as GraftError;
    expect(error.message).toMatch(says);
    expect(isSentence(error.message), error.message).toBe(true);
    expect(error.kind).toBe("work");
  });

  it("reports a folder too", async () => {
    expect(await failure(makeFolder(join(file, "x")))).toMatchObject({ kind: "work" });
  });
});

describe("an error that was not translated", () => {
  test.each([
    // Newer versions of Node name the path of a read that failed; older ones only the call.
    ["reading a folder", () => readFile(folder), /^Could not read (a file|.*folder): it is a folder: give/],
    ["reading nothing", () => readFile(join(work, "nothing")), /^Could not read .*nothing: it does not exist/],
    ["looking below a file", () => stat(join(file, "x")), /is a file, not a folder/],
    [
      "making a folder below a file",
      () => mkdir(join(file, "x")),
      /^Could not write .*x: a part of that path is a file/,
    ],
    ["opening a folder to write", () => open(folder, "w"), /folder/],
    [
      "writing to a full device",
      () => writeFile("/dev/full", "x"),
      /^Could not write (a file|.*full): the disk is full/,
    ],
  ])("%s becomes a sentence", async (_, act, says) => {
    const error = asSentence(await failure(act()));
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).message).toMatch(says);
    expect(isSentence((error as GraftError).message)).toBe(true);
  });

  it("that is not a system error stays unchanged", () => {
    for (const error of [new TypeError("x"), new GraftError("data", "y"), "z", undefined])
      expect(asSentence(error)).toBe(error);
  });

  it("escapes and shortens a path that could control the terminal", () => {
    const error = Object.assign(new Error("x"), {
      code: "EACCES",
      syscall: "open",
      path: `/a\u001b[2J/${"b".repeat(1e6)}`,
    });
    const { message } = asSentence(error) as GraftError;
    expect(message.length).toBeLessThan(700);
    expect(message).not.toContain("\u001b");
  });

  it("with a code without a sentence keeps its message", () => {
    expect(systemReason(Object.assign(new Error("EWEIRD: strange."), { code: "EWEIRD" }), "read")).toBe(
      "EWEIRD: strange",
    );
  });
});

describe("working in a new folder", () => {
  it("keeps the folder when the work is done", async () => {
    const path = join(work, "done", "a");
    expect(await inFolder(path, async () => 5)).toBe(5);
    expect(existsSync(path)).toBe(true);
  });

  it("leaves only existing and written files after a failure", async () => {
    const fail = async (): Promise<never> => {
      throw new Error("no");
    };
    await failure(inFolder(join(work, "new", "a", "b"), fail));
    expect(existsSync(join(work, "new"))).toBe(false);
    expect(await failure(inFolder(join(work, "new", "n".repeat(300)), fail))).toMatchObject({ kind: "work" });
    expect(existsSync(join(work, "new"))).toBe(false);

    mkdirSync(join(work, "old"));
    await failure(inFolder(join(work, "old"), fail));
    await failure(inFolder(join(work, "old", "sub"), fail));
    expect(readdirSync(join(work, "old"))).toEqual([]);

    const kept = join(work, "kept", "a");
    await failure(
      inFolder(kept, async () => {
        await writeFile(join(kept, "part"), "x");
        throw new Error("no");
      }),
    );
    expect(readdirSync(kept)).toEqual(["part"]);
  });

  it("throws a sentence if the folder cannot be made", async () => {
    expect(await failure(inFolder(join(file, "x"), async () => 1))).toMatchObject({ kind: "work" });
  });
});
