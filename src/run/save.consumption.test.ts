import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { measureConsumption } from "./save.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "graft-consumption-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function meter(name: string, microjoules: number): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, "energy_uj"), `${microjoules}\n`);
  await writeFile(join(folder, name, "max_energy_range_uj"), "10000000\n");
}

describe("measureConsumption", () => {
  it("adds up the packages' meters, those that wrapped too", async () => {
    await meter("intel-rapl:0", 1_000_000);
    await meter("intel-rapl:1", 9_000_000);
    // Part of the first one: it would be counted twice.
    await meter("intel-rapl:0:0", 5_000_000);
    const consumed = await measureConsumption(folder);
    await meter("intel-rapl:0", 3_000_000);
    await meter("intel-rapl:1", 500_000);
    expect((await consumed()).joules).toBeCloseTo(2 + 1.5, 9);
  });

  it("says nothing of energy where there is no meter, or one that is gone", async () => {
    const none = await measureConsumption(join(folder, "no"));
    expect((await none()).joules).toBeUndefined();
    await meter("intel-rapl:0", 1_000_000);
    const gone = await measureConsumption(folder);
    await rm(join(folder, "intel-rapl:0"), { recursive: true });
    const { joules, cpuSeconds } = await gone();
    expect(joules).toBeUndefined();
    expect(cpuSeconds).toBeGreaterThan(0);
  });
});
