/** What work costs: processor time, and energy where the processor's meter may be read. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Consumption } from "./report-input.ts";

/** Linux' powercap: one folder a processor package, microjoules in `energy_uj`, which wraps at `max_energy_range_uj`. */
const METERS = "/sys/class/powercap";

interface Reading {
  readonly path: string;
  readonly microjoules: number;
  readonly wrap: number;
}

const numberIn = async (path: string): Promise<number> => Number(await readFile(path, "utf8"));

async function readMeters(folder: string): Promise<Reading[]> {
  try {
    const packages = (await readdir(folder)).filter((name) => /^intel-rapl:\d+$/.test(name));
    return await Promise.all(
      packages.map(async (name) => {
        const path = join(folder, name, "energy_uj");
        return {
          path,
          microjoules: await numberIn(path),
          wrap: await numberIn(join(folder, name, "max_energy_range_uj")),
        };
      }),
    );
  } catch {
    // No such meter, or not for this user to read.
    return [];
  }
}

/** Begins to measure; what comes out tells what was used until it is called. */
export async function measureConsumption(folder = METERS): Promise<() => Promise<Consumption>> {
  const meters = await readMeters(folder);
  const before = process.cpuUsage();
  return async () => {
    const { user, system } = process.cpuUsage(before);
    const after = await readMeters(folder);
    const used = meters.map(({ path, microjoules, wrap }) => {
      const now = after.find((reading) => reading.path === path)?.microjoules ?? Number.NaN;
      return now >= microjoules ? now - microjoules : now + wrap - microjoules;
    });
    const total = used.reduce((sum, microjoules) => sum + microjoules, 0);
    const isMeasured = meters.length > 0 && Number.isFinite(total);
    return { cpuSeconds: (user + system) / 1e6, joules: isMeasured ? total / 1e6 : undefined };
  };
}
