import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { heardNotices } from "../../../tests/support/notices.ts";
import { quantile } from "../../base/collections.ts";
import {
  FEWEST_RUNS,
  type KnownCost,
  knownSpeeds,
  MIN_IMAGES,
  measureLatency,
  predictCost,
  type Remembered,
  rememberCost,
  rememberedCosts,
  rememberSpeed,
} from "./network-cost.ts";

heardNotices();

const cost: Remembered = {
  ...{ name: "tiny", sha256: "a", cut: "features", multiplyAdds: 1e9 },
  ...{ latencyMs: 20, p95LatencyMs: 30, memoryBytes: 1e8, imagesPerSecond: 50, overallPerSecond: 40 },
};

describe("costs of this machine", () => {
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "graft-costs-"));
    vi.stubEnv("GRAFT_CACHE", cache);
  });
  afterEach(() => vi.unstubAllEnvs());

  test("are stored by file and cut, the latest counts, and a damaged file counts as empty", async () => {
    expect(await rememberedCosts()).toEqual([]);
    await rememberCost(cost);
    await Promise.all([rememberCost({ ...cost, latencyMs: 25 }), rememberCost({ ...cost, cut: "earlier" })]);
    expect((await rememberedCosts()).map(({ cut, latencyMs }) => `${cut} ${latencyMs}`).sort()).toEqual([
      "earlier 20",
      "features 25",
    ]);
    const file = readdirSync(join(cache, "costs")).find((name) => name.endsWith(".json"))!;
    writeFileSync(join(cache, "costs", file), '[{"name": "x"}, 3, null]');
    expect(await rememberedCosts()).toEqual([]);
    writeFileSync(join(cache, "costs", file), "[");
    expect(await rememberedCosts()).toEqual([]);
  });
});

describe("predicted costs", () => {
  test("grow with the multiply-adds, from the nearest measured network", () => {
    const point: KnownCost = { ...cost, multiplyAdds: 1e9 };
    const far: KnownCost = { ...point, multiplyAdds: 1e12, latencyMs: 1 };
    expect(predictCost({ multiplyAdds: 2e9, parameters: 1e6 }, [far, point])).toMatchObject({
      latencyMs: 40,
      imagesPerSecond: 25,
    });
    // Decoding takes its own time, whatever the network.
    const quick = predictCost({ multiplyAdds: 1, parameters: 1 }, [point]);
    expect(quick.overallPerSecond).toBeCloseTo(1 / (1 / 40 - 1 / 50), 1);
  });

  test("are finite and above 0 with nothing measured at all", () => {
    const { latencyMs, imagesPerSecond, overallPerSecond } = predictCost({ multiplyAdds: 4e9, parameters: 25e6 }, []);
    for (const value of [latencyMs, imagesPerSecond, overallPerSecond]) expect(value).toBeGreaterThan(0);
    expect(overallPerSecond).toBeLessThan(imagesPerSecond);
  });
});

describe("measuring", () => {
  test("counts only warm runs, and the growth of the process's memory", async () => {
    let [clock, runs, memory] = [0, 0, 1000];
    const runner = {
      inputDims: [3, 2, 2],
      async prepare() {
        clock += 1;
        return new Float32Array(12);
      },
      async forward() {
        clock += runs++ === 0 ? 900 : 9;
        memory = 5000;
        return new Float32Array(4);
      },
      async close() {},
    };
    const found = await measureLatency(
      runner,
      { width: 1, height: 1, data: new Uint8Array(3) },
      { seconds: 0.001, weightBytes: 16, memory: () => memory, now: () => clock },
    );
    expect(found).toEqual({ latencyMs: 10, p95LatencyMs: 10, memoryBytes: 4000 });
    expect(runs).toBe(FEWEST_RUNS + 2);
  });

  test("quantiles are between the minimum and the maximum", () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([1, 2], 0.5)).toBe(1.5);
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 1 }), (values) => {
        const [low, middle, high] = [0, 0.5, 1].map((share) => quantile(values, share));
        expect(low).toBe(Math.min(...values));
        expect(high).toBe(Math.max(...values));
        expect(low! <= middle! && middle! <= high!).toBe(true);
      }),
    );
  });
});

heardNotices();

describe("speeds of this machine", () => {
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "graft-speeds-"));
    vi.stubEnv("GRAFT_CACHE", cache);
  });
  afterEach(() => vi.unstubAllEnvs());

  it("are remembered by network, the latest counts, and too few images count for nothing", async () => {
    expect(await knownSpeeds()).toEqual(new Map());
    await rememberSpeed("resnet50", 500, 30);
    await Promise.all([rememberSpeed("resnet50", 500, 40), rememberSpeed("vgg16", MIN_IMAGES, 10)]);
    await rememberSpeed("resnet50", MIN_IMAGES - 1, 1);
    expect(await knownSpeeds()).toEqual(
      new Map([
        ["resnet50", 40],
        ["vgg16", 10],
      ]),
    );
  });

  it("are forgotten where the file is damaged", async () => {
    await rememberSpeed("resnet50", 500, 30);
    const [file] = readdirSync(join(cache, "speeds")).filter((name) => name.endsWith(".json"));
    writeFileSync(join(cache, "speeds", file!), "{");
    expect(await knownSpeeds()).toEqual(new Map());
  });
});
