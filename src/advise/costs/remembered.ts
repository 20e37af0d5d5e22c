/** What networks cost on this kind of machine, remembered from one time to the next. Nothing is measured in this file. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { writeWhole } from "../../base/files.ts";
import { withLock } from "../../base/lock.ts";
import { machineKey } from "../../base/machine.ts";
import type { Measured } from "./cost.ts";

/** A network's figures with what they are of. */
export interface Remembered extends Measured {
  readonly name: string;
  /** Of the network's file, and the tensor that it was cut at: other weights, another cut, other figures. */
  readonly sha256: string;
  readonly cut: string;
  /** Of one picture, where the catalogue says it: predictions for others are made of it. */
  readonly multiplyAdds?: number;
}

const costsPath = (): string => join(cacheFolder(), "costs", `${machineKey()}.json`);

const figures = ["latencyMs", "p95LatencyMs", "memoryBytes", "imagesPerSecond", "overallPerSecond"] as const;

function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  const isText = ["name", "sha256", "cut"].every((key) => typeof record[key] === "string");
  return isText && figures.every((key) => Number.isFinite(record[key]) && (record[key] as number) > 0);
}

/** All that is known of this kind of machine; a damaged memory is none. */
export async function rememberedCosts(): Promise<readonly Remembered[]> {
  const text = await readFile(costsPath(), "utf8").catch(() => "[]");
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? found.filter(isRemembered) : [];
  } catch {
    return [];
  }
}

/** Remembers a network's figures in place of earlier ones. */
export async function rememberCost(cost: Remembered): Promise<void> {
  await withLock(`${costsPath()}.lock`, { whenHeld: "wait" }, async () => {
    const others = (await rememberedCosts()).filter(({ sha256, cut }) => sha256 !== cost.sha256 || cut !== cost.cut);
    await writeWhole(costsPath(), JSON.stringify([...others, cost]));
  });
}
