/**
 * Graft's training step in a process of its own:
 *
 *     node --import tsx bench/finetune/worker.ts ARCH FILE.safetensors STAGE|all auto|off BATCH SECONDS [profile]
 *
 * Prints {images_per_second, peak_bytes, shares}. With `profile`, `shares` is the share of a step's time that each operator
 * takes, most first.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceUsage } from "node:process";
import { openNetwork } from "../../src/networks/open.ts";
import { freshlyHeld } from "../../src/train/finetune/step-runner.ts";
import { madeUpTraining } from "../support/made-up-training.ts";

/** Steps of one run, as the trainer takes them. */
const AT_ONCE = 8;

const [architecture = "", weights = "", stage = "", cache = "", ...rest] = process.argv.slice(2);
const [batch = 16, seconds = 5] = rest.slice(0, 2).map(Number);
const isProfiled = rest[2] === "profile";

const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
const training = await madeUpTraining({
  network: await openNetwork(architecture, { weights }),
  stage,
  batch,
  ...(cache === "off" ? { stored: "pixels" } : {}),
  ...(isProfiled ? { profile: join(folder, "profiles-") } : {}),
});
const { engine, feeds } = training;
const rates = (count: number): number[] => Array(count).fill(1e-4);
let held = (await engine.run(freshlyHeld(engine.step, engine.own), feeds, rates(2), 1)).held;
const began = performance.now();
let steps = 0;
while (performance.now() - began < seconds * 1000) {
  held = (await engine.run(held, feeds, rates(AT_ONCE), 3 + steps)).held;
  steps += AT_ONCE;
}
const rate = (steps * batch) / ((performance.now() - began) / 1000);
await training.close();
console.log(
  JSON.stringify({
    images_per_second: rate,
    peak_bytes: resourceUsage().maxRSS * 1024,
    shares: isProfiled ? await sharesIn(folder) : {},
  }),
);
await rm(folder, { recursive: true, force: true });

interface Event {
  readonly cat: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** The share of each operator in a profile of ONNX Runtime; a loop's own time is that of what is in it. */
async function sharesIn(of: string): Promise<Record<string, number>> {
  const file = (await readdir(of)).find((name) => name.startsWith("profiles-"))!;
  const events = JSON.parse(await readFile(join(of, file), "utf8")) as readonly Event[];
  const own = new Map<string, number>();
  for (const { cat, dur, args } of events) {
    const name = args?.op_name;
    if (cat === "Node" && name !== undefined && name !== "Loop") own.set(name, (own.get(name) ?? 0) + dur);
  }
  const total = [...own.values()].reduce((sum, duration) => sum + duration, 0);
  return Object.fromEntries([...own].sort(([, a], [, b]) => b - a).map(([name, spent]) => [name, spent / total]));
}
