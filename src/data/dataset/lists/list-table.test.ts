import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCsv } from "./list-table.ts";

const cellsOf = (text: string): (readonly string[])[] => readCsv(text).map(({ cells }) => cells);

describe("readCsv", () => {
  it("reads everything that is written by the rules", () => {
    const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
    const cell = fc.string({ unit: fc.constantFrom("a", "é", ",", '"', "\r", "\n", " ") }).chain((text) => {
      const needsQuotes = /[",\r\n]/.test(text);
      return fc.boolean().map((quoted) => ({ text, written: quoted || needsQuotes ? quote(text) : text }));
    });
    const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 5 });
    const ends = fc.constantFrom("\n", "\r\n", "\r");
    fc.assert(
      fc.property(rows, ends, fc.boolean(), fc.boolean(), (table, end, last, mark) => {
        const lines = table.map((row) => row.map(({ written }) => written).join(","));
        const text = (mark ? "\ufeff" : "") + lines.join(end) + (last ? end : "");
        const full = table.map((row) => row.map((own) => own.text)).filter((row) => row.some((own) => own !== ""));
        expect(cellsOf(text)).toEqual(full);
      }),
    );
  });

  it("returns the line on which a record starts", () => {
    expect(readCsv('a,b\r\n\r\n"x\ny",2\n3,4').map(({ line }) => line)).toEqual([1, 3, 5]);
  });

  it.each([
    ['a,"b', 1, "left open"],
    ['a\n"b""', 2, "left open"],
    ['a\n"b"c,d', 2, "follows a closing quote"],
  ])("refuses %j", (text, line, message) => {
    expect(() => readCsv(text)).toThrow(expect.objectContaining({ line, message: expect.stringContaining(message) }));
  });

  it("keeps a quote within a cell", () => {
    expect(cellsOf('5" nail,b')).toEqual([['5" nail', "b"]]);
  });

  it("does not slow down or overflow on a long cell", () => {
    const long = "x".repeat(2_000_000);
    expect(cellsOf(`"${long}",${long}`)).toEqual([[long, long]]);
  });
});
