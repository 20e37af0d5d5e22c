/**
 * A few training steps, the very same in Node and in the tests' page: a head that knows nothing and the last stage of a network,
 * on batches of images in turn. No head is fitted before, so that there is something to learn.
 */
import type { RgbImage } from "../../src/data/image/rgb-image.ts";
import { measureCut, shapesOf } from "../../src/networks/backbone/backbone.ts";
import { stagesOf } from "../../src/networks/backbone/stages.ts";
import type { Network } from "../../src/networks/network.ts";
import { fill } from "../../src/train/features/fill-records.ts";
import { memoryRecords } from "../../src/train/features/images-and-records.ts";
import { batchesOf, createReader, createSampler } from "../../src/train/finetune/batches.ts";
import { recipeFor, unfrozen } from "../../src/train/finetune/recipe.ts";
import { openStepEngine } from "../../src/train/finetune/step-engine.ts";
import { freshlyHeld, type Weights } from "../../src/train/finetune/step-runner.ts";
import { boundaryOf, type StoredType, storedBytes } from "../../src/train/finetune/trainable-part.ts";
import { frozenUntil } from "../../src/train/frozen.ts";
import { pixelImages, webEnvironment } from "../../src/train/web.ts";

export interface StepsJob {
  /** The class of each image. */
  readonly labels: readonly number[];
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly stored: StoredType;
}

export interface Stepped {
  /** Of each step. */
  readonly losses: readonly number[];
  /** Before the first one. */
  readonly begin: Weights;
  /** After the last one. */
  readonly weights: Weights;
}

/** Takes the steps. */
export async function takeSteps(
  network: Network,
  pictures: readonly (() => Promise<RgbImage>)[],
  { labels, steps, batch, learningRate, stored }: StepsJob,
): Promise<Stepped> {
  const environment = { ...webEnvironment({ halfPrecision: stored === "float16" }), batch };
  const classes = Math.max(...labels) + 1;
  const shape = await measureCut(network);
  const shapes = await shapesOf(network);
  const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), "1", network.name);
  const boundary = boundaryOf(network, plan, shapes, stored);
  const records = memoryRecords(storedBytes(boundary));
  const frozen = frozenUntil(boundary, network, shape, environment);
  const { locations } = await fill(
    pixelImages(pictures).map((source) => ({ source })),
    { ...environment, frozen, store: records, stage: "Running the frozen part" },
  );
  await frozen.close();
  const head = { weights: new Float32Array(classes * shape.features), bias: new Float32Array(classes) };
  const recipe = recipeFor({ examples: pictures.length, classes }, { batch, augment: "none" });
  const { open } = environment;
  const available = environment.memoryBudget();
  const engine = await openStepEngine({ network, shape, head, boundary, plan, recipe, open, available });
  const feeds = batchesOf({
    sampler: createSampler({ examples: pictures.length, views: 1, batch, seed: 1 }),
    reader: createReader(records, boundary, batch),
    locations,
    labels: Int32Array.from(labels),
    classes,
    mixup: 0,
    seed: 1,
  });
  const losses: number[] = [];
  let held = freshlyHeld(engine.step, engine.own);
  // One alone, then several in one run.
  for (const [first, count] of [
    [1, 1],
    [2, steps - 1],
  ] as const) {
    const stepped = await engine.run(held, feeds, new Array<number>(count).fill(learningRate), first);
    losses.push(...stepped.losses);
    held = stepped.held;
  }
  await engine.close();
  return {
    losses,
    begin: engine.own,
    weights: new Map(engine.step.weights.map(({ input }) => [input, held.get(input)!])),
  };
}
