/** A project from someone else: the content of its `.graft`, and links in it, move, write and remove nothing outside. */
import {
  existsSync,
  lstatSync,
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
import { Readable } from "node:stream";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { drawShape, encode } from "../../../tests/support/pictures.ts";
import { kindOf, placesIn } from "./layout.ts";
import { openProject, type Project } from "./project.ts";

const isWindows = process.platform === "win32";

let picture: Buffer;
beforeAll(async () => {
  picture = await encode(drawShape("circle", 40, 30, 1), "png");
});

let work: string;
let root: string;
let outside: string;
/** A folder beside the project, which must never change. */
const outsideNow = (): string[] => (readdirSync(outside, { recursive: true }) as string[]).sort();

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "graft-hostile-"));
  [root, outside] = [join(work, "project"), join(work, "outside")];
  for (const name of ["ant", "bee"]) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, "ant/a.png"), picture);
  mkdirSync(join(outside, "folder"), { recursive: true });
  writeFileSync(join(outside, "secret.txt"), "secret");
  writeFileSync(join(outside, "folder/b.png"), picture);
});

const OUTSIDE = ["folder", "folder/b.png", "secret.txt"];
const journalOf = (...lines: readonly unknown[]): void => {
  mkdirSync(join(root, ".graft"), { recursive: true });
  const text = lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");
  writeFileSync(join(root, ".graft/journal.jsonl"), text);
};
const change = (moves: readonly unknown[], id = "x", words = "removing 1 picture") => ({
  change: { id, words, moves },
});
const asideIn = (): string[] => readdirSync(join(root, ".graft")).filter((name) => name.includes("-damaged-"));
const add = (project: Project, name: string, file = "new.png") => project.add(Readable.from([picture]), name, file);

describe("a journal", () => {
  it.each([
    ["../outside/secret.txt", "ant/s.png"],
    ["ant/s.png", "../outside/secret.txt"],
    ["ant/../../outside/secret.txt", "ant/s.png"],
    ["/etc/hostname", "ant/s.png"],
    ["ant/s.png", "/etc/hostname"],
    ["C:\\secret.txt", "..\\s.png"],
    ["ant/s.png", "ant\\..\\..\\s.png"],
    ["ant/s.png", ""],
    ["ant//a.png", "bee/a.png"],
    ["ant/./a.png", "bee/a.png"],
    ["ant/a.png\0", "bee/a.png"],
    [".graft/runs/x", "bee/x"],
    [".graft/journal.jsonl", "bee/x"],
    ["bee/x", ".graft/lock/x"],
    ["bee/x", ".graft/trash"],
    ["bee/x", ".graft/trash/x"],
    ["bee/x", ".graft/trash/../runs/x"],
    ["bee/x", ".graft/trash/x/.hidden"],
    [".graft/trash/x/bee/x", ".graft/trash/y/bee/x"],
    [".ssh/id", "bee/x"],
    ["bee/x", ".bashrc"],
    ["x".repeat(2000), "bee/x"],
    ["bee/x", 7],
    ["bee/x"],
    ["bee/x", "ant/x", "bee/y"],
    "bee/x",
    null,
  ])("with the move %j: not offered, set aside, and said so", async (...move) => {
    journalOf(change([move.length === 1 ? move[0] : move]), change([["bee/a.png", "ant/a.png"]], "good", "a good one"));
    const project = await openProject(root);
    const { undo } = await project.info();
    const { notices } = project;
    expect(undo).toEqual({ id: "good", words: "a good one" });
    expect(notices).toEqual([expect.stringMatching(/^1 entry of the journal is damaged.*was set aside as /)]);
    expect(asideIn()).toHaveLength(1);
    await project.undo();
    expect(await project.undo()).toBeUndefined();
    expect([outsideNow(), existsSync(join(root, "bee/a.png"))]).toEqual([OUTSIDE, true]);
    // The next start finds a valid journal.
    expect((await openProject(root)).notices).toEqual([]);
  });

  it.each([
    "{",
    "null",
    "[]",
    '{"change":null}',
    '{"change":{"id":"x","words":"w"}}',
    '{"change":{"id":"../x","words":"w","moves":[]}}',
    '{"change":{"id":"x","words":"a\\u202eb","moves":[]}}',
    '{"change":{"id":"x","words":"w","moves":[],"more":1}}',
    `{"change":{"id":"x","words":"${"w".repeat(2000)}","moves":[]}}`,
    '{"undone":{}}',
    '{"__proto__":{"undone":"good"}}',
    "\u0000\ufffd",
  ])("with the line %j: passed over and said so, the others read", async (line) => {
    journalOf(line, change([["bee/a.png", "ant/a.png"]], "good", "a good one"));
    const project = await openProject(root);
    const { undo } = await project.info();
    expect([undo?.words, project.notices.length]).toEqual(["a good one", 1]);
  });

  it("that is a folder: set aside, and the project opens", async () => {
    mkdirSync(join(root, ".graft/journal.jsonl"), { recursive: true });
    const project = await openProject(root);
    expect(project.notices).toEqual([expect.stringContaining("Nothing of before can be undone")]);
    await project.remove(["ant/a.png"]);
    expect((await project.undo())?.restored).toBe(1);
  });

  it.skipIf(isWindows)("that is a link to a file of the user's: the file is not appended to", async () => {
    mkdirSync(join(root, ".graft"));
    symlinkSync(join(outside, "secret.txt"), join(root, ".graft/journal.jsonl"));
    const project = await openProject(root);
    expect(project.notices).toHaveLength(1);
    await project.remove(["ant/a.png"]);
    expect(readFileSync(join(outside, "secret.txt"), "utf8")).toBe("secret");
    expect(lstatSync(join(root, ".graft/journal.jsonl")).isFile()).toBe(true);
  });

  it.skipIf(isWindows)("whose moves go through links: undoing is refused, and nothing outside moves", async () => {
    symlinkSync(outside, join(root, "link"));
    symlinkSync(join(outside, "folder"), join(root, "ant/deep"));
    for (const [from, to] of [
      ["bee/s.txt", "link/secret.txt"],
      ["link/new.txt", "ant/a.png"],
      ["bee/b.png", "ant/deep/b.png"],
      ["link/made/new.png", "ant/a.png"],
    ]) {
      journalOf(change([[from, to]]));
      const project = await openProject(root);
      await expect(project.undo(), `${from} ${to}`).rejects.toThrow("leaves the project through a link");
      expect([outsideNow(), readdirSync(join(root, "bee"))]).toEqual([OUTSIDE, []]);
    }
  });

  it.skipIf(isWindows)("whose trash is reached by a link: refused", async () => {
    mkdirSync(join(root, ".graft/trash"), { recursive: true });
    symlinkSync(outside, join(root, ".graft/trash/x"));
    journalOf(change([["bee/b.png", ".graft/trash/x/folder/b.png"]]));
    await expect((await openProject(root)).undo()).rejects.toThrow("through a link");
    expect(outsideNow()).toEqual(OUTSIDE);
  });
});

describe.skipIf(isWindows)("links in a project", () => {
  it.each([".graft", ".graft/incoming", ".graft/trash", ".graft/thumbnails", ".graft/runs", ".graft/lock"])(
    "%s that leads elsewhere: the project is not opened, and nothing elsewhere is touched",
    async (path) => {
      for (const name of ["incoming", "trash", "runs", "lock"]) mkdirSync(join(outside, name));
      writeFileSync(join(outside, "incoming/precious"), "");
      const before = outsideNow();
      mkdirSync(join(root, ".graft"), { recursive: true });
      if (path === ".graft") rmSync(join(root, path), { recursive: true });
      symlinkSync(outside, join(root, path));
      await expect(openProject(root)).rejects.toThrow("is a link");
      expect(outsideNow()).toEqual(before);
    },
  );

  it("a class that is a folder elsewhere: shown, but nothing is added to it or taken from it", async () => {
    symlinkSync(join(outside, "folder"), join(root, "cat"));
    const project = await openProject(root);
    expect((await project.info()).classes.map(({ name, pictures }) => [name, pictures])).toEqual([
      ["ant", 1],
      ["bee", 0],
      ["cat", 1],
    ]);
    await expect(add(project, "cat")).rejects.toThrow("leaves the project");
    await expect(project.remove(["cat/b.png"])).rejects.toThrow("leaves the project");
    await expect(project.relabel(["cat/b.png"], "ant")).rejects.toThrow("leaves the project");
    await expect(project.relabel(["ant/a.png"], "cat")).rejects.toThrow("leaves the project");
    expect(outsideNow()).toEqual(OUTSIDE);
    // The link itself belongs to the project: it can be renamed and removed, and is restored as a link.
    await project.renameClass("cat", "dog");
    await project.removeClass("dog");
    await project.undo();
    expect([lstatSync(join(root, "dog")).isSymbolicLink(), outsideNow()]).toEqual([true, OUTSIDE]);
  });

  it("a class that is a link to the studio's own folder, or to nothing: refused", async () => {
    mkdirSync(join(root, ".graft/trash"), { recursive: true });
    symlinkSync(join(root, ".graft"), join(root, "own"));
    symlinkSync(join(outside, "nowhere"), join(root, "gone"));
    const project = await openProject(root);
    await expect(add(project, "own")).rejects.toThrow("leaves the project");
    await expect(project.createClass("gone")).rejects.toThrow("Choose another name");
    await expect(add(project, "gone")).rejects.toThrow();
    expect(outsideNow()).toEqual(OUTSIDE);
    expect(readdirSync(join(root, ".graft"), { recursive: true })).toEqual(["incoming", "trash"]);
  });

  it("an image that is a link: the link moves, what it leads to stays", async () => {
    symlinkSync(join(outside, "folder/b.png"), join(root, "ant/link.png"));
    const project = await openProject(root);
    await project.relabel(["ant/link.png"], "bee");
    await project.remove(["bee/link.png"]);
    await project.undo();
    expect([lstatSync(join(root, "bee/link.png")).isSymbolicLink(), outsideNow()]).toEqual([true, OUTSIDE]);
  });
});

describe("places", () => {
  it("are of the dataset or of the trash, by the path alone", () => {
    for (const path of ["ant", "ant/a.png", "train/ant/x y/Löwe.png", "a\nb/c", "-rf"])
      expect(kindOf(path)).toBe("dataset");
    expect(kindOf(".graft/trash/x/ant/a.png")).toBe("trash");
    for (const path of ["", "/", "..", ".", "a/..", "a//b", ".GRAFT/x", ".graft", ".graft/runs/a/b", "a\\b", "a\0"])
      expect(kindOf(path), path).toBeUndefined();
  });

  it("need not exist, and are found by the folder's real name", async () => {
    const place = placesIn(root);
    expect(await place("new/deep/a.png")).toBe(join(root, "new/deep/a.png"));
    await expect(place("ant/a.png/x.png")).rejects.toThrow("cannot be used: a part of that path is a file");
    await expect(place("../x")).rejects.toThrow("is not a place in this project");
  });
});
