import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { type NetworkResults, rankNetworks } from "./standing.ts";

/** Results in which each image is equally hard for all networks. */
function resultOf(accuracy: number, images: number, logLoss = 1 - accuracy) {
  const random = createRandom(7);
  return { images, correct: Array.from({ length: images }, () => (random.next() < accuracy ? 1 : 0)), logLoss };
}

const result = (name: string, latencyMs: number, ...rungs: readonly (readonly [number, number])[]): NetworkResults => ({
  name,
  latencyMs,
  rungs: rungs.map(([accuracy, images]) => resultOf(accuracy, images)),
});

describe("the ranking", () => {
  test("the best by more than chance is recommended, with its lead", () => {
    const { networks, recommended, why } = rankNetworks(
      [result("a", 50, [0.7, 800]), result("b", 50, [0.9, 800])],
      0.2,
    );
    expect(networks.map(({ name }) => name)).toEqual(["b", "a"]);
    expect(recommended).toBe("b");
    expect(why).toMatchObject({ kind: "best", second: "a" });
  });

  test("a network as accurate and much faster is recommended instead", () => {
    const alike = [result("large", 90, [0.9, 400]), result("small", 9, [0.9, 400])];
    const { recommended, why } = rankNetworks(alike, 0.2);
    expect(recommended).toBe("small");
    expect(why).toEqual({ kind: "cheaper", leader: "large", faster: 10, behind: 0 });
    const slightly = [result("large", 90, [0.9, 800]), result("small", 9, [0.899, 800])];
    expect(rankNetworks(slightly, 0.2)).toMatchObject({ recommended: "small" });
  });

  test("few images give no order", () => {
    const { why, networks } = rankNetworks([result("a", 50, [0.84, 25]), result("b", 50, [0.72, 25])], 0.2);
    expect(why).toEqual({ kind: "tied", others: ["b"] });
    expect(networks.every(({ isTied }) => isTied)).toBe(true);
  });

  test("a network that dropped out is as far behind as it was then, with a wider interval", () => {
    const finalist = result("a", 50, [0.8, 200], [0.9, 800]);
    const { networks } = rankNetworks([finalist, result("b", 50, [0.6, 200])], 0.2);
    const [a, b] = networks;
    expect(b!.accuracy).toBeCloseTo(a!.accuracy - b!.behind, 12);
    expect(b!.pictures).toBe(200);
    expect(b!.interval[1] - b!.interval[0]).toBeGreaterThan(a!.interval[1] - a!.interval[0]);
  });

  test("no network is recommended if none beats the baseline", () => {
    const found = rankNetworks([result("a", 50, [0.22, 300]), result("b", 50, [0.2, 300])], 0.2);
    expect(found).toMatchObject({ recommended: undefined, why: { kind: "nothing-learned" } });
  });
});
