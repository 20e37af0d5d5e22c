/**
 * Graft's training step in a process of its own:
 *
 *     node --import tsx bench/finetune/worker.ts ARCH FILE.safetensors STAGE|all auto|off BATCH SECONDS [profile]
 *
 * Prints {images_per_second, peak_bytes, shares}. Batches are made-up records that are read from the disk's cache, as an
 * epoch after the first reads them; nothing is decoded. With `profile`, `shares` is the share of a step's time that each
 * operator takes, most first.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceUsage } from "node:process";
import { createRandom } from "../../src/base/random.ts";
import { openModel } from "../../src/runtime/open-model.ts";
import { openRecordCache } from "../../src/train/features/records.ts";
import { createReader } from "../../src/train/finetune/batches.ts";
import { openEngine } from "../../src/train/finetune/engine.ts";
import { unfrozen } from "../../src/train/finetune/plan.ts";
import { recipeFor } from "../../src/train/finetune/recipe.ts";
import { freshlyHeld } from "../../src/train/finetune/step-runner.ts";
import { boundaryOf, pixelBoundary, STORED, storedBytes } from "../../src/train/finetune/trainable-part.ts";
import { freshHead } from "../../src/train/head/fresh.ts";
import { nodeEnvironment } from "../../src/train/node.ts";
import { measureCut, shapesOf } from "../../src/zoo/backbone.ts";
import { openNetwork } from "../../src/zoo/open.ts";
import { stagesOf } from "../../src/zoo/stages.ts";

const CLASSES = 5;
/** Batches that are stored; more would only fill the disk. */
const STORED_BATCHES = 8;
/** Steps of one run, as the trainer takes them. */
const AT_ONCE = 8;

const [architecture = "", weights = "", stage = "", cache = "", ...rest] = process.argv.slice(2);
const [batch = 16, seconds = 5] = rest.slice(0, 2).map(Number);
const isProfiled = rest[2] === "profile";

const network = await openNetwork(architecture, { weights });
const shape = await measureCut(network);
const shapes = await shapesOf(network);
const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), stage, network.name);
const boundary = cache === "off" ? pixelBoundary(network) : boundaryOf(network, plan, shapes);
const recipe = recipeFor({ examples: 1000, classes: CLASSES }, { batch, augment: "none" });
const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
const profiles = join(folder, "profiles-");

const size = storedBytes(boundary);
const records = await openRecordCache(join(folder, "records"), size);
const random = createRandom(0);
const locations = Array.from({ length: STORED_BATCHES }, (_, at) => {
  // Pixels, or in half precision 1 in a third of the places.
  const values =
    boundary.stored === "uint8"
      ? Uint8Array.from({ length: batch * size }, () => random.below(256))
      : new Uint8Array(
          Uint16Array.from({ length: (batch * size) / 2 }, () => (random.below(3) === 0 ? 0x3c00 : 0)).buffer,
        );
  const keys = Array.from({ length: batch }, (_, i) => createHash("sha256").update(`${at} ${i}`).digest());
  return records.add(keys, values);
});
const reader = createReader(records, boundary, batch);
const labels = new Float32Array(batch * CLASSES);
for (let i = 0; i < batch; i++) labels[i * CLASSES + (i % CLASSES)] = 1;
const feeds = (step: number) => ({
  [STORED]: reader(locations[step % STORED_BATCHES]!),
  labels: { dims: [batch, CLASSES], data: labels },
});

const engine = await openEngine({
  network,
  shape,
  boundary,
  plan,
  head: freshHead(shape.features, CLASSES, 0),
  recipe,
  open: openModel,
  available: nodeEnvironment.memoryBudget(),
  profile: isProfiled ? profiles : undefined,
});
const rates = (count: number): number[] => Array(count).fill(1e-4);
let held = (await engine.run(freshlyHeld(engine.step, engine.own), feeds, rates(2), 1)).held;
const began = performance.now();
let steps = 0;
while (performance.now() - began < seconds * 1000) {
  held = (await engine.run(held, feeds, rates(AT_ONCE), 3 + steps)).held;
  steps += AT_ONCE;
}
const rate = (steps * batch) / ((performance.now() - began) / 1000);
await engine.close();
records.close();
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
