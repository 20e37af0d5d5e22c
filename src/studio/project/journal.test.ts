import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openJournal } from "./journal.ts";
import { DEPTH, openJournalFile } from "./journal-file.ts";

const fileIn = (text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "graft-journal-"));
  const path = join(folder, "journal.jsonl");
  writeFileSync(path, text);
  return path;
};
const line = (i: number): string =>
  `${JSON.stringify({ change: { id: `c${i}`, words: `removing ${i} pictures`, moves: [[`ant/${i} é.png`, `.graft/trash/c${i}/ant/${i} é.png`]] } })}\n`;

describe("a journal's file", () => {
  it("that a crash cut off at any byte keeps every whole line, and takes new ones", async () => {
    const whole = Buffer.from(line(1) + line(2));
    const first = Buffer.byteLength(line(1));
    for (let length = 0; length <= whole.length; length++) {
      const path = fileIn("");
      writeFileSync(path, whole.subarray(0, length));
      const journal = await openJournalFile(path);
      const expected = length === whole.length ? ["c1", "c2"] : length >= first ? ["c1"] : [];
      expect([journal.changes().map(({ id }) => id), journal.damage], `${length} bytes`).toEqual([expected, undefined]);
      await journal.append({ change: { id: "c3", words: "w", moves: [] } });
      expect((await openJournalFile(path)).changes().map(({ id }) => id)).toEqual([...expected, "c3"]);
    }
  });

  it("keeps the last changes that can be undone, and no others", async () => {
    const path = fileIn(
      `${Array.from({ length: DEPTH + 20 }, (_, i) => line(i)).join("")}{"undone":"c119"}\n{"undone":"c3"}\n`,
    );
    const ids = (await openJournalFile(path)).changes().map(({ id }) => id);
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([DEPTH - 1, "c20", "c118"]);
  });

  it("with a damaged line is set aside as it was", async () => {
    const text = `${line(1)}{"change":{"id":"x"}}\n${line(2)}`;
    const path = fileIn(text);
    const journal = await openJournalFile(path);
    expect(journal.changes().map(({ id }) => id)).toEqual(["c1", "c2"]);
    expect(journal.damage).toMatch(/^1 entry of the journal is damaged.* set aside as .*\.$/);
    const [aside] = readdirSync(join(path, "..")).filter((name) => name.includes("-damaged-"));
    expect(readFileSync(join(path, "..", aside!), "utf8")).toBe(text);
  });

  it("with millions of empty lists in a line: that line is damaged, and costs little", async () => {
    const path = fileIn(`{"change":{"id":"x","words":"w","moves":[${"[],".repeat(3e6)}[]]}}\n${line(1)}`);
    expect((await openJournalFile(path)).changes().map(({ id }) => id)).toEqual(["c1"]);
  });
});

describe("a change", () => {
  it("of which one move fails is not made at all, and is not offered for undo", async () => {
    const root = mkdtempSync(join(tmpdir(), "graft-journal-"));
    for (const name of ["ant", "bee"]) mkdirSync(join(root, name));
    for (const name of ["ant/a.png", "ant/b.png", "bee"]) if (name.includes("/")) writeFileSync(join(root, name), name);
    const journal = await openJournal(root, join(root, ".graft/journal.jsonl"));
    const impossible = [
      ["ant/a.png", "bee/a.png"],
      ["ant/b.png", "bee/a.png"],
    ] as const;
    await expect(journal.make({ id: "x", words: "w", moves: impossible })).rejects.toThrow(
      "now exists. Rename it first",
    );
    // The target of the second move is inside the target of the first: this shows only when it is made.
    const late = [
      ["ant/a.png", "bee/c"],
      ["ant/b.png", "bee/c/b.png"],
    ] as const;
    await expect(journal.make({ id: "y", words: "w", moves: late })).rejects.toThrow("Could not");
    expect([readdirSync(join(root, "ant")).sort(), readdirSync(join(root, "bee"))]).toEqual([["a.png", "b.png"], []]);
    expect(journal.last()).toBeUndefined();
  });
});
