import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../base/random.ts";
import { heldOutParts } from "./validation.ts";

const parts = (labels: readonly number[], groups?: readonly number[]) =>
  heldOutParts(Int32Array.from(labels), groups, createRandom(1), createRandom(2));
const labelled = (count: number, classes = 2): number[] => Array.from({ length: count }, (_, i) => i % classes);

describe("held-out parts", () => {
  it("is one part if that is large enough, and the first part does not depend on further ones", () => {
    expect(parts(labelled(600))).toHaveLength(1);
    const few = labelled(140);
    const [first] = heldOutParts(Int32Array.from(few), undefined, createRandom(1), createRandom(2), 1);
    expect(parts(few)[0]).toEqual(first);
  });

  it("holds about a hundred examples out of a small set, none of them twice, and trains on at least half each time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 400 }), fc.integer({ min: 2, max: 5 }), (count, classes) => {
        const found = parts(labelled(count, classes));
        const held = found.flatMap((part) => part.held);
        expect(new Set(held).size).toBe(held.length);
        expect(held.length).toBeGreaterThanOrEqual(Math.min(64, count / 2));
        for (const { kept, held: own } of found) {
          expect([...kept, ...own].sort((a, b) => a - b)).toEqual(labelled(count).map((_, i) => i));
          expect(kept.length).toBeGreaterThanOrEqual(count / 2);
        }
      }),
    );
  });

  it("does not divide groups", () => {
    const groups = labelled(120).map((_, i) => Math.floor(i / 4));
    for (const { kept, held } of parts(labelled(120), groups)) {
      const known = new Set(kept.map((row) => groups[row]!));
      expect(held.filter((row) => known.has(groups[row]!))).toEqual([]);
    }
  });

  it("rejects classes of fewer than three images", () => {
    expect(() => parts([0, 0, 1, 1])).toThrow(/no class has three/);
  });
});
