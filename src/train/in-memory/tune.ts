/** Fine-tuning in memory: what finetune.ts does over a disk, from the freeze boundary to the best weights. */
import type { Head } from "../../artifact/contract.ts";
import { viewsOf } from "../../data/augment/views.ts";
import { type Scores, scoreLogits } from "../../evaluate/log-loss.ts";
import { type CutShape, shapesOf } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { stagesOf } from "../../zoo/stages.ts";
import type { Location, RecordReader } from "../features/location.ts";
import { logitsOf } from "../finetune/answers.ts";
import { batchesOf, createReader } from "../finetune/batches.ts";
import { type Engine, openEngine } from "../finetune/engine.ts";
import { openFront, TooLarge } from "../finetune/front.ts";
import { type Unfrozen, unfrozen } from "../finetune/plan.ts";
import { type Recipe, recipeFor } from "../finetune/recipe.ts";
import { chooseStorage, type Storage, storageText } from "../finetune/room.ts";
import { createSampler } from "../finetune/sampler.ts";
import type { StepRunner, Weights } from "../finetune/step-runner.ts";
import { boundaryOf, pixelBoundary, type StoredType, storedBytes } from "../finetune/tail.ts";
import { type EpochRecord, initialState, runTraining, type Stop } from "../finetune/trainer.ts";
import { headIn, stopText, withWeights } from "../finetune/tuned.ts";
import { countLabels } from "../head/fit.ts";
import { FRONT_BATCH, type InMemoryOptions, type Surroundings } from "./options.ts";
import { memoryRecords } from "./records.ts";
import { runFront } from "./run-front.ts";

/** Examples by their place among all, with their classes. */
export interface Part {
  readonly places: readonly number[];
  readonly labels: Int32Array;
  /** The group of each example. */
  readonly groups: Int32Array;
}

export interface TuneInput {
  readonly options: InMemoryOptions;
  readonly shape: CutShape;
  /** The linear probe's, fitted on the same training pictures. */
  readonly head: Head;
  readonly classes: number;
  readonly train: Part;
  readonly validation: Part;
}

/** What is told of it. */
export interface TuneFacts {
  readonly stages: readonly string[];
  /** The tensor that the frozen part ends in, or `pixels`. */
  readonly boundary: string;
  /** Views of each training picture. */
  readonly views: number;
  readonly history: readonly EpochRecord[];
  /** 0 where none did better than the linear probe. */
  readonly bestEpoch: number;
  readonly kept: "fine-tuned" | "linear-probe";
  readonly stop?: Stop;
  /** How the linear probe answered to the same validation pictures. */
  readonly probe: Scores;
  readonly recipe: Recipe;
}

export interface Tuned {
  /** Nothing where the linear probe was not outdone. */
  readonly tuned:
    | {
        readonly network: Network;
        readonly head: Head;
        /** `[N, C]` */
        readonly validationLogits: Float32Array;
      }
    | undefined;
  readonly facts: TuneFacts;
}

/** What is stored of the pictures, and where. */
interface Stored {
  readonly storage: Storage;
  readonly records: RecordReader;
  readonly train: readonly (readonly Location[])[];
  readonly validation: readonly Location[];
  readonly views: number;
}

/**
 * Trains the last stages of a network with its head.
 *
 * @throws GraftError (`usage`) where there is no such stage; (`data`) where there is no room for it
 */
export async function tune(input: TuneInput, around: Surroundings): Promise<Tuned> {
  const { options, train, classes } = input;
  const { network, unfreeze = "none", classWeights = "none" } = options;
  const shapes = await shapesOf(network);
  const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), unfreeze, network.name);
  const recipe = recipeFor({ examples: train.places.length, classes }, options);
  const storeAs = (type: StoredType): Promise<Stored> =>
    store(input, recipe, boundaryOf(network, plan, shapes, type), around);
  const stored = await storeAs(around.halfPrecision ? "float16" : "float32").catch((error: unknown) => {
    if (!(error instanceof TooLarge)) throw error;
    options.onNote?.(
      "The frozen part yields numbers that half precision does not hold: they are kept in full precision.",
    );
    return storeAs("float32");
  });
  const balanced = countLabels(train.labels, classes).map((count) => train.labels.length / (classes * count));
  const engine = await openEngine({
    ...input,
    network,
    boundary: stored.storage.boundary,
    plan,
    recipe,
    classWeights: classWeights === "balanced" ? balanced : undefined,
    open: around.open,
    available: around.available,
  });
  try {
    return await loop(input, plan, recipe, stored, engine, around);
  } finally {
    await engine.close();
  }
}

/** Runs all views through the frozen part; through the preparation alone where what it yields is too much to keep. */
async function store(
  { options: { network, examples, seed = 0, onProgress, onNote, signal }, shape, train, validation }: TuneInput,
  { augmentation, views: wanted }: Recipe,
  boundary: Storage["boundary"],
  { open, kept, pause }: Surroundings,
): Promise<Stored> {
  const room = { disk: kept, memory: kept };
  const pictures = train.places.length + validation.places.length;
  const storage = chooseStorage(boundary, pixelBoundary(network), { pictures, wanted }, room);
  onNote?.(storageText(storage, boundary, { pictures, room }));
  const records = memoryRecords(storedBytes(storage.boundary));
  const front = openFront(network, shape, storage.boundary, FRONT_BATCH, open);
  const { fit, size } = network.preprocessing;
  const ofView = { policy: augmentation.policy, frame: fit, size, seed };
  const isVaried = augmentation.name !== "none";
  const run = async (
    { places }: Part,
    what: string,
    isTraining: boolean,
  ): Promise<readonly (readonly Location[])[]> => {
    const { locations } = await runFront(
      { count: places.length, read: (at) => examples[places[at]!]!.read() },
      front,
      records,
      {
        ...(isTraining && isVaried
          ? { views: { count: storage.views, of: (image, at) => viewsOf(image, places[at]!, ofView) } }
          : {}),
        batch: FRONT_BATCH,
        stage: `Running the frozen part on ${what}`,
        onProgress,
        signal,
        pause,
      },
    );
    return locations;
  };
  try {
    return {
      storage,
      records,
      train: await run(train, "the training pictures", true),
      validation: (await run(validation, "the validation pictures", false)).map(([one]) => one!),
      views: isVaried ? storage.views : 1,
    };
  } finally {
    await front.close();
  }
}

async function loop(
  { options, train, validation, classes }: TuneInput,
  plan: Unfrozen,
  recipe: Recipe,
  stored: Stored,
  engine: Engine,
  { pause }: Surroundings,
): Promise<Tuned> {
  const { network, seed = 0, onProgress, onNote, signal } = options;
  const { batch } = recipe;
  const reader = createReader(stored.records, stored.storage.boundary, batch);
  const sampler = createSampler({ examples: train.places.length, views: stored.views, batch, seed });
  const { mixup } = recipe.augmentation.policy;
  const feeds = batchesOf({ sampler, reader, locations: stored.train, labels: train.labels, classes, mixup, seed });
  const answers = (weights: Weights): Promise<Float32Array> =>
    logitsOf(weights, stored.validation, { session: engine.evaluation, reader, dims: engine.dims, batch, classes });
  const evaluate = async (weights: Weights): Promise<Scores> =>
    scoreLogits(await answers(weights), validation.labels, classes);
  const run: StepRunner = async (...step) => {
    const stepped = await engine.run(...step);
    await pause();
    return stepped;
  };
  const { state, stop } = await runTraining(await initialState(engine.step, engine.own, evaluate), {
    step: engine.step,
    run,
    feeds,
    batch,
    epochs: recipe.epochs,
    stepsUntil: sampler.steps,
    learningRate: recipe.learningRate,
    warmUp: recipe.warmUp,
    patience: recipe.patience,
    // A page draws itself between runs.
    atOnce: 1,
    evaluate,
    checkpoint: async () => {},
    onProgress,
    signal,
  });
  signal?.throwIfAborted();
  const { best, history, probe } = state;
  if (stop) onNote?.(stopText(stop, best.epoch));
  const isTuned = best.epoch > 0;
  if (!isTuned)
    onNote?.("No epoch answered better to the validation pictures than the linear probe: the probe is kept.");
  return {
    tuned: isTuned
      ? {
          network: withWeights(network, best.weights, engine.ofNetwork),
          head: headIn(best.weights),
          validationLogits: await answers(best.weights),
        }
      : undefined,
    facts: {
      stages: plan.stages,
      boundary: stored.storage.boundary.called,
      views: stored.views,
      history,
      bestEpoch: best.epoch,
      kept: isTuned ? "fine-tuned" : "linear-probe",
      ...(stop ? { stop } : {}),
      probe,
      recipe,
    },
  };
}
