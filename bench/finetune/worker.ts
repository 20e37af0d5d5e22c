/**
 * Graft's training step in a process of its own, with a profile of where its time goes:
 *
 *     node --import tsx bench/finetune/worker.ts ARCH FILE.safetensors STAGE|all auto|off BATCH SECONDS
 *
 * Prints {images_per_second, peak_bytes, shares}: the share of a step's time that each operator takes, most first. Batches
 * are constant, so that nothing is decoded or read.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceUsage } from "node:process";
import { createRandom } from "../../src/base/random.ts";
import { elementCount } from "../../src/graph/tensor.ts";
import { openModel } from "../../src/runtime/open-model.ts";
import { openEngine } from "../../src/train/finetune/engine.ts";
import { availableMemory } from "../../src/train/finetune/machine.ts";
import { unfrozen } from "../../src/train/finetune/plan.ts";
import { recipeFor } from "../../src/train/finetune/recipe.ts";
import { freshlyHeld } from "../../src/train/finetune/step-runner.ts";
import { boundaryOf, pixelBoundary, STORED } from "../../src/train/finetune/tail.ts";
import { measureCut, shapesOf } from "../../src/zoo/backbone.ts";
import { openNetwork } from "../../src/zoo/open.ts";
import { stagesOf } from "../../src/zoo/stages.ts";

const CLASSES = 5;
const [architecture = "", weights = "", stage = "", cache = "", ...numbers] = process.argv.slice(2);
const [batch = 16, seconds = 5] = numbers.map(Number);

const network = await openNetwork(architecture, weights === "" ? {} : { weights });
const shape = await measureCut(network);
const shapes = await shapesOf(network);
const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), stage, network.name);
const boundary = cache === "off" ? pixelBoundary(network) : boundaryOf(network, plan, shapes);
const recipe = recipeFor({ examples: 1000, classes: CLASSES }, { batch, augment: "none" });
const random = createRandom(0);
const head = {
  weights: Float32Array.from({ length: CLASSES * shape.features }, () => 0.01 * (random.next() - 0.5)),
  bias: new Float32Array(CLASSES),
};
const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
const engine = await openEngine({
  network,
  shape,
  boundary,
  plan,
  head,
  recipe,
  open: openModel,
  available: availableMemory(),
  profile: join(folder, "step"),
});

const size = batch * elementCount(boundary.dims);
const stored =
  boundary.stored === "uint8"
    ? { data: Uint8Array.from({ length: size }, () => random.below(256)) }
    : // 1 in half precision, in a third of the places
      {
        data: Uint16Array.from({ length: size }, () => (random.below(3) === 0 ? 0x3c00 : 0)),
        type: "float16" as const,
      };
const labels = new Float32Array(batch * CLASSES);
for (let i = 0; i < batch; i++) labels[i * CLASSES + (i % CLASSES)] = 1;
const fed = {
  [STORED]: { dims: [batch, ...boundary.dims], ...stored },
  labels: { dims: [batch, CLASSES], data: labels },
};

/** Steps of one run, as the trainer takes them. */
const AT_ONCE = 8;
const rates = (count: number): number[] => Array(count).fill(1e-4);
let held = (await engine.run(freshlyHeld(engine.step, engine.own), () => fed, rates(2), 1)).held;
const began = performance.now();
let steps = 0;
while (performance.now() - began < seconds * 1000) {
  held = (await engine.run(held, () => fed, rates(AT_ONCE), 3 + steps)).held;
  steps += AT_ONCE;
}
const rate = (steps * batch) / ((performance.now() - began) / 1000);
await engine.close();
console.log(
  JSON.stringify({
    images_per_second: rate,
    peak_bytes: resourceUsage().maxRSS * 1024,
    shares: await sharesIn(folder),
  }),
);
await rm(folder, { recursive: true, force: true });

interface Event {
  readonly cat: string;
  readonly dur: number;
  readonly name: string;
  readonly args?: { readonly op_name?: string };
}

/** The share of each operator in a profile of ONNX Runtime. */
async function sharesIn(of: string): Promise<Record<string, number>> {
  const [file] = await readdir(of);
  const events = JSON.parse(await readFile(join(of, file!), "utf8")) as readonly Event[];
  const own = new Map<string, number>();
  for (const { cat, dur, args } of events) {
    const name = args?.op_name;
    if (cat === "Node" && name !== undefined) own.set(name, (own.get(name) ?? 0) + dur);
  }
  const total = [...own.values()].reduce((sum, duration) => sum + duration, 0);
  return Object.fromEntries([...own].sort(([, a], [, b]) => b - a).map(([name, spent]) => [name, spent / total]));
}
