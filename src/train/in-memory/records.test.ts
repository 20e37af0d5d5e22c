import { expect, test } from "vitest";
import { memoryRecords } from "./records.ts";

test("each record is found where it was put", () => {
  const records = memoryRecords(3);
  const at = [...records.add(Uint8Array.of(1, 2, 3, 4, 5, 6)), ...records.add(Uint8Array.of(7, 8, 9))];
  const read = at.map((one) => {
    const into = new Uint8Array(3);
    records.read(one, into);
    return [...into];
  });
  expect(read).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  expect(() => records.add(Uint8Array.of(1))).toThrow(RangeError);
});
