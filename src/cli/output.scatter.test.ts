import { describe, expect, test } from "vitest";
import { scatter } from "./output.ts";

const draw = (dots: { x: number; y: number; mark: string }[]): string =>
  scatter({
    ...{ dots, width: 21, height: 5, xLabel: "ms", yLabel: "accuracy" },
    formatX: (value) => value.toFixed(0),
    formatY: (value) => value.toFixed(2),
  });

describe("a scatter plot in text", () => {
  test("puts the dearest right and the best on top", () => {
    const lines = draw([
      { x: 1, y: 0.5, mark: "a" },
      { x: 10, y: 0.7, mark: "b" },
      { x: 100, y: 0.9, mark: "c" },
    ]).split("\n");
    const place = (mark: string): [number, number] => {
      const row = lines.findIndex((line) => line.split("│")[1]?.includes(mark));
      return [row, lines[row]!.indexOf(mark)];
    };
    const [[rowA, columnA], [rowB, columnB], [rowC, columnC]] = [place("a"), place("b"), place("c")];
    expect([rowA > rowB, rowB > rowC, columnA < columnB, columnB < columnC]).toEqual([true, true, true, true]);
    // Ten times the cost is the same way to the right everywhere.
    expect(columnB - columnA).toBe(columnC - columnB);
  });

  test("shows all dots that fall on one place", () => {
    const text = draw([
      { x: 5, y: 0.5, mark: "a" },
      { x: 5, y: 0.5, mark: "b" },
    ]);
    expect(text).toContain("a");
    expect(text).toContain("b");
  });
});
