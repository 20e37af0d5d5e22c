/** Features by lanes are those of one thread; what a lane cannot read is listed as ever; lanes end with their work. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyNetwork } from "../../../tests/support/network.ts";
import { writeShapes } from "../../../tests/support/pictures.ts";
import { discoverDataset } from "../../data/dataset/discover.ts";
import { backboneModel, measureCut, preparationModel } from "../../networks/backbone/backbone.ts";
import { openFile } from "../../networks/open.ts";
import type { FrozenFeatures } from "../frozen.ts";
import { openBackbone } from "../node.ts";
import { FEWEST_IMAGES, type Lanes } from "./compute.ts";
import { openFeatureCache } from "./feature-cache.ts";
import { type Extraction, extractFeatures } from "./image-files.ts";
import { lanesFor, startLanes } from "./lanes.ts";
import { openTraitCache } from "./trait-cache.ts";

let folder: string;
let paths: string[];
let calls = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "graft-lanes-"));
  await writeFile(join(folder, "tiny.onnx"), tinyNetwork());
  await writeShapes(join(folder, "data"), { circle: FEWEST_IMAGES / 2, square: FEWEST_IMAGES / 2 });
  const dataset = await discoverDataset(join(folder, "data"));
  paths = dataset.examples.map(({ path }) => path);
  const damaged = join(folder, "damaged.png");
  await writeFile(damaged, Buffer.from("89504e470d0a1a0a00", "hex"));
  paths.splice(3, 0, damaged);
  paths.push(join(folder, "missing.png"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A runner with two lanes, however many cores there are, or with none. */
async function runnerWith(hasLanes: boolean): Promise<FrozenFeatures> {
  const network = await openFile(join(folder, "tiny.onnx"), { preprocessing: "imagenet" });
  const shape = await measureCut(network);
  const runner = openBackbone(network, shape);
  if (!hasLanes) return { ...runner, lanes: () => undefined };
  const { preprocessing } = network;
  const settings = { preparation: preparationModel(preprocessing), inputDims: runner.inputDims, count: 2 };
  const lanes = startLanes(backboneModel(network, shape), settings);
  const counted: Lanes = {
    ...lanes,
    compute(files) {
      calls++;
      return lanes.compute(files);
    },
  };
  const close = async (): Promise<void> => {
    await runner.close();
    await lanes.close();
  };
  return { ...runner, lanes: () => counted, close };
}

async function extracted(
  name: string,
  hasLanes: boolean,
  signal?: AbortSignal,
): Promise<Extraction & { rows: number[][] }> {
  const runner = await runnerWith(hasLanes);
  const cache = await openFeatureCache(join(folder, name), 16);
  const traits = await openTraitCache(join(folder, `${name}-traits`));
  try {
    const extraction = await extractFeatures(paths, cache, runner, { traits, signal });
    const measured = await traits.traitsOf(
      extraction.kept.map((item) => ({ path: paths[item]!, sha256: extraction.digests.get(item)! })),
    );
    expect(measured.every(({ width }) => width > 0)).toBe(true);
    const rows = extraction.kept.map((item) => {
      const into = new Float32Array(16);
      cache.read(cache.find(extraction.digests.get(item)!)!, into);
      return [...into];
    });
    return { ...extraction, rows };
  } finally {
    await runner.close();
    traits.close();
    cache.close();
  }
}

test("features, order and unreadable images are the same as in one thread", async () => {
  const alone = await extracted("alone", false);
  const lanes = await extracted("lanes", true);
  expect(calls).toBeGreaterThan(FEWEST_IMAGES / 8);
  expect(lanes.kept).toEqual(alone.kept);
  expect(lanes.skipped).toEqual(alone.skipped);
  expect(lanes.skipped.map(({ path }) => path)).toEqual([paths[3], paths.at(-1)]);
  expect([lanes.computed, lanes.cached]).toEqual([FEWEST_IMAGES, 0]);
  lanes.rows.forEach((row, at) => {
    row.forEach((value, column) => {
      expect(value).toBeCloseTo(alone.rows[at]![column]!, 4);
    });
  });
  const again = await extracted("lanes", true);
  expect([again.computed, again.cached]).toEqual([0, FEWEST_IMAGES]);
  expect(again.rows).toEqual(lanes.rows);
});

test("keeps what was computed before the work was stopped", async () => {
  const stop = new AbortController();
  const runner = await runnerWith(true);
  const cache = await openFeatureCache(join(folder, "stopped"), 16);
  const onProgress = ({ done }: { done: number }): void => {
    if (done >= 8) stop.abort(new Error("enough"));
  };
  await expect(extractFeatures(paths, cache, runner, { onProgress, signal: stop.signal })).rejects.toThrow("enough");
  await runner.close();
  cache.close();
  const { computed, cached } = await extracted("stopped", true);
  expect(cached).toBeGreaterThan(0);
  expect(computed + cached).toBe(FEWEST_IMAGES);
});

test("an engine that fails in a lane ends the work with its reason, which is not the image's", async () => {
  const network = await openFile(join(folder, "tiny.onnx"), { preprocessing: "imagenet" });
  const { lanes: open, ...runner } = openBackbone(network, await measureCut(network));
  const nothing = { ...network.model, graph: { ...network.model.graph, nodes: [] } };
  const preparation = preparationModel(network.preprocessing);
  const broken = startLanes(nothing, { preparation, inputDims: runner.inputDims, count: 1 });
  const cache = await openFeatureCache(join(folder, "broken"), 16);
  await expect(extractFeatures(paths, cache, { ...runner, lanes: () => broken })).rejects.toThrow("ONNX Runtime");
  await broken.close();
  cache.close();
  expect(open).toBeDefined();
});

test("large weights have one lane, small ones as many as there are cores", async () => {
  const network = await openFile(join(folder, "tiny.onnx"), { preprocessing: "imagenet" });
  expect([1, 2, 4, 64].map((cores) => lanesFor(network.model, cores))).toEqual([1, 2, 4, 8]);
  const weights = { dataType: "float32", dims: [], bytes: { length: 100 << 20 } } as never;
  const large = { ...network.model, graph: { ...network.model.graph, initializers: new Map([["w", weights]]) } };
  expect(lanesFor(large, 8)).toBe(3);
  const huge = {
    ...large,
    graph: {
      ...large.graph,
      initializers: new Map([
        ["w", weights],
        ["v", weights],
      ]),
    },
  };
  expect(lanesFor(huge, 8)).toBe(1);
});
