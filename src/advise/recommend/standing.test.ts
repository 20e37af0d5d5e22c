import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { type Entrant, standingsOf } from "./standing.ts";

/** Answers in which each picture is as hard for all. */
function answers(accuracy: number, pictures: number, logLoss = 1 - accuracy) {
  const random = createRandom(7);
  return { pictures, correct: Array.from({ length: pictures }, () => (random.next() < accuracy ? 1 : 0)), logLoss };
}

const entrant = (name: string, latencyMs: number, ...rungs: readonly (readonly [number, number])[]): Entrant => ({
  name,
  latencyMs,
  answers: rungs.map(([accuracy, pictures]) => answers(accuracy, pictures)),
});

describe("standings", () => {
  test("the best by more than chance is recommended, with its lead", () => {
    const { standings, recommended, why } = standingsOf(
      [entrant("a", 50, [0.7, 800]), entrant("b", 50, [0.9, 800])],
      0.2,
    );
    expect(standings.map(({ name }) => name)).toEqual(["b", "a"]);
    expect(recommended).toBe("b");
    expect(why).toMatchObject({ kind: "best", second: "a" });
  });

  test("a network as accurate and much faster is taken instead", () => {
    const alike = [entrant("large", 90, [0.9, 400]), entrant("small", 9, [0.9, 400])];
    const { recommended, why } = standingsOf(alike, 0.2);
    expect(recommended).toBe("small");
    expect(why).toEqual({ kind: "cheaper", leader: "large", faster: 10, behind: 0 });
    const slightly = [entrant("large", 90, [0.9, 800]), entrant("small", 9, [0.899, 800])];
    expect(standingsOf(slightly, 0.2)).toMatchObject({ recommended: "small" });
  });

  test("few pictures tell no order", () => {
    const { why, standings } = standingsOf([entrant("a", 50, [0.84, 25]), entrant("b", 50, [0.72, 25])], 0.2);
    expect(why).toEqual({ kind: "tied", others: ["b"] });
    expect(standings.every(({ isTied }) => isTied)).toBe(true);
  });

  test("one that dropped out stands as far behind as it was then, and less surely", () => {
    const finalist = entrant("a", 50, [0.8, 200], [0.9, 800]);
    const { standings } = standingsOf([finalist, entrant("b", 50, [0.6, 200])], 0.2);
    const [a, b] = standings;
    expect(b!.accuracy).toBeCloseTo(a!.accuracy - b!.behind, 12);
    expect(b!.pictures).toBe(200);
    expect(b!.interval[1] - b!.interval[0]).toBeGreaterThan(a!.interval[1] - a!.interval[0]);
  });

  test("no network is recommended where none beats the baseline", () => {
    const found = standingsOf([entrant("a", 50, [0.22, 300]), entrant("b", 50, [0.2, 300])], 0.2);
    expect(found).toMatchObject({ recommended: undefined, why: { kind: "nothing-learned" } });
  });
});
