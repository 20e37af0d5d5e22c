import { expect, test } from "vitest";
import { memoryRecords } from "./images-and-records.ts";

test("each record is found where it was put, and by its key", () => {
  const records = memoryRecords(3);
  const keys = ["a", "b", "c"].map((digest) => ({ digest, view: "" }));
  const at = [
    ...records.add(keys.slice(0, 2), Uint8Array.of(1, 2, 3, 4, 5, 6)),
    ...records.add(keys.slice(2), Uint8Array.of(7, 8, 9)),
  ];
  expect(keys.map((key) => records.find(key))).toEqual(at);
  expect(records.find({ digest: "a", view: "other" })).toBeUndefined();
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
  expect(() => records.add(keys.slice(0, 1), Uint8Array.of(1))).toThrow(RangeError);
});
