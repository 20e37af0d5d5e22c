/** Fine-tuning in memory: what finetune.ts does over a disk, from the freeze boundary to the best weights. */
import type { Head } from "../../artifact/contract.ts";
import { viewsOf } from "../../data/augment/views.ts";
import type { Scores } from "../../evaluate/log-loss.ts";
import { type CutShape, shapesOf } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { stagesOf } from "../../zoo/stages.ts";
import type { Location, RecordReader } from "../features/location.ts";
import { logitsOf } from "../finetune/answers.ts";
import { batchesOf, createReader } from "../finetune/batches.ts";
import { type Engine, openEngine } from "../finetune/engine.ts";
import { FULL_PRECISION, openFront, TooLarge } from "../finetune/front.ts";
import { type AnswersByEpoch, joinedAnswers, judgeTogether, trainingTitle } from "../finetune/joined.ts";
import { type Choice, choose } from "../finetune/judgement.ts";
import { type Unfrozen, unfrozen } from "../finetune/plan.ts";
import { type Recipe, recipeFor } from "../finetune/recipe.ts";
import { chooseStorage, type Storage, storageText } from "../finetune/room.ts";
import { createSampler } from "../finetune/sampler.ts";
import type { StepRunner, Weights } from "../finetune/step-runner.ts";
import { boundaryOf, pixelBoundary, type StoredType, storedBytes } from "../finetune/tail.ts";
import {
  type EpochRecord,
  initialState,
  type Judged,
  keptOf,
  type Outcome,
  runTraining,
  type Stop,
} from "../finetune/trainer.ts";
import { headIn, stopText, whyText, withWeights } from "../finetune/tuned.ts";
import { balancedWeights } from "../head/fit.ts";
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

/** What one training has, and what is held out of it. */
export interface Apart {
  /** The linear probe's, fitted on the same training pictures. */
  readonly head: Head;
  readonly train: Part;
  readonly validation: Part;
}

export interface TuneInput extends Apart {
  readonly options: InMemoryOptions;
  readonly shape: CutShape;
  readonly classes: number;
  /** Further trainings, of other examples, that only judge. */
  readonly further: readonly Apart[];
}

/** What it reports. */
export interface TuneFacts {
  readonly stages: readonly string[];
  /** The tensor that the frozen part ends in, or `pixels`. */
  readonly boundary: string;
  /** Views of each training picture. */
  readonly views: number;
  readonly history: readonly EpochRecord[];
  /** The last epoch in the weights that are kept; 0 where the linear probe is. */
  readonly bestEpoch: number;
  readonly kept: "fine-tuned" | "linear-probe";
  /** What was kept and why, in a sentence. */
  readonly why: string;
  /** The figures that decided; nothing where training failed in its first epoch. */
  readonly choice?: Choice;
  readonly stop?: Stop;
  /** How the linear probe answered to the same validation pictures. */
  readonly probe: Scores;
  readonly recipe: Recipe;
}

export interface Tuned {
  /** Nothing where fine-tuning did not beat the linear probe. */
  readonly tuned:
    | {
        readonly network: Network;
        readonly head: Head;
        /** `[N, C]`: of the validation examples, and of those that further trainings held out */
        readonly validationLogits: Float32Array;
      }
    | undefined;
  readonly facts: TuneFacts;
}

/** What is stored of the pictures, and where. */
interface Stored {
  readonly storage: Storage;
  readonly records: RecordReader;
  /** Of a picture's views, by its place. */
  readonly train: ReadonlyMap<number, readonly Location[]>;
  /** Of a picture as it is. */
  readonly validation: ReadonlyMap<number, Location>;
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
    options.onNote?.(FULL_PRECISION);
    return storeAs("float32");
  });
  const { further } = input;
  const done: AnswersByEpoch[] = [];
  const withEngine = async <T>(own: TuneInput, use: (running: Running) => Promise<T>): Promise<T> => {
    const { labels } = own.train;
    const planned = { ...recipe, batch: Math.min(recipe.batch, labels.length) };
    const engine = await openEngine({
      ...own,
      network,
      boundary: stored.storage.boundary,
      plan,
      recipe: planned,
      classWeights: classWeights === "balanced" ? balancedWeights(labels, classes) : undefined,
      open: around.open,
      available: around.available,
    });
    const title = trainingTitle(done.length, further.length);
    try {
      return await use({ plan, recipe: planned, stored, engine, done, title, around });
    } finally {
      await engine.close();
    }
  };
  for (const one of further) {
    const own = { ...input, ...one, further: [] };
    done.push(await withEngine(own, async (running) => (await loop(own, running, true)).outcome.state.answers));
  }
  return withEngine(input, (running) => concluded(input, running));
}

/** One training of several. */
interface Running {
  readonly plan: Unfrozen;
  readonly recipe: Recipe;
  readonly stored: Stored;
  readonly engine: Engine;
  /** The answers of the further trainings that are done. */
  readonly done: readonly AnswersByEpoch[];
  readonly title: string | undefined;
  readonly around: Surroundings;
}

/** Runs all views through the frozen part; through the preparation alone where what it yields is too much to keep. */
async function store(
  {
    options: { network, examples, seed = 0, onProgress, onNote, signal },
    shape,
    train,
    validation,
    further,
  }: TuneInput,
  { augmentation, views: wanted }: Recipe,
  boundary: Storage["boundary"],
  { open, kept, pause }: Surroundings,
): Promise<Stored> {
  const isVaried = augmentation.name !== "none";
  const placesOf = (parts: readonly Part[]): number[] => [...new Set(parts.flatMap(({ places }) => places))];
  const all = {
    train: placesOf([train, ...further.map((one) => one.train)]),
    validation: placesOf([validation, ...further.map((one) => one.validation)]),
  };
  const both = [...new Set([...all.train, ...all.validation])];
  const pictures = both.length;
  // Pictures to judge on are kept as they are too, beside the views of those that another training learns from.
  const rest = Math.max(0, kept - (isVaried ? all.validation.length * storedBytes(boundary) : 0));
  const room = { disk: rest, memory: rest };
  const storage = chooseStorage(boundary, pixelBoundary(network), { pictures, wanted }, room);
  onNote?.(storageText(storage, boundary, { pictures, room }));
  const records = memoryRecords(storedBytes(storage.boundary));
  const front = openFront(network, shape, storage.boundary, FRONT_BATCH, open);
  const { fit, size } = network.preprocessing;
  const ofView = { policy: augmentation.policy, frame: fit, size, seed };
  const run = async (
    places: readonly number[],
    what: string,
    isTraining: boolean,
  ): Promise<ReadonlyMap<number, readonly Location[]>> => {
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
    return new Map(places.map((place, at) => [place, locations[at]!]));
  };
  try {
    // Where there is one view of each, it is what validation sees too.
    const views = await run(isVaried ? all.train : both, "the training pictures", true);
    const centres = isVaried ? await run(all.validation, "the validation pictures", false) : views;
    return {
      storage,
      records,
      train: views,
      validation: new Map([...centres].map(([place, [one]]) => [place, one!])),
      views: isVaried ? storage.views : 1,
    };
  } finally {
    await front.close();
  }
}

interface Looped {
  readonly outcome: Outcome;
  readonly answers: (weights: Weights) => Promise<Float32Array>;
}

/** Trains; where it only judges, to the last epoch and with its answers kept. */
async function loop(
  { options, train, validation, further, classes }: TuneInput,
  { recipe, stored, engine, done, title, around: { pause } }: Running,
  onlyJudges: boolean,
): Promise<Looped> {
  const { seed = 0, onProgress, signal } = options;
  const { batch } = recipe;
  const reader = createReader(stored.records, stored.storage.boundary, batch);
  const sampler = createSampler({ examples: train.places.length, views: stored.views, batch, seed });
  const { mixup } = recipe.augmentation.policy;
  const locations = train.places.map((place) => stored.train.get(place)!);
  const feeds = batchesOf({ sampler, reader, locations, labels: train.labels, classes, mixup, seed });
  const held = validation.places.map((place) => stored.validation.get(place)!);
  const answers = (weights: Weights): Promise<Float32Array> =>
    logitsOf(weights, held, { session: engine.evaluation, reader, dims: engine.dims, batch, classes });
  const parts = [validation, ...further.map((one) => one.validation)];
  const judgeAt = judgeTogether(parts, { done, onlyJudges, classes, seed });
  const evaluate = async (weights: Weights, epoch: number): Promise<Judged> => judgeAt(await answers(weights), epoch);
  const run: StepRunner = async (...step) => {
    const stepped = await engine.run(...step);
    await pause();
    return stepped;
  };
  const outcome = await runTraining(await initialState(engine.step, engine.own, evaluate), {
    step: engine.step,
    run,
    feeds,
    batch,
    epochs: recipe.epochs,
    stepsUntil: sampler.steps,
    learningRate: recipe.learningRate,
    warmUp: recipe.warmUp,
    patience: onlyJudges ? Number.POSITIVE_INFINITY : recipe.patience,
    // A page draws itself between runs.
    atOnce: 1,
    evaluate,
    checkpoint: async () => {},
    title,
    onProgress,
    signal,
  });
  signal?.throwIfAborted();
  return { outcome, answers };
}

/** Trains what may be kept, and keeps the better of it and the probe. */
async function concluded(input: TuneInput, running: Running): Promise<Tuned> {
  const { network, onNote } = input.options;
  const { plan, recipe, stored, engine, done } = running;
  const {
    outcome: { state, stop },
    answers,
  } = await loop(input, running, false);
  const { history, probe } = state;
  const kept = keptOf(state);
  const { isTuned, choice } = choose(probe, kept, 1 + done.length);
  if (stop) onNote?.(stopText(stop, kept?.epoch ?? 0));
  onNote?.(whyText(isTuned, choice));
  return {
    tuned:
      isTuned && kept
        ? {
            network: withWeights(network, kept.weights, engine.ofNetwork),
            head: headIn(kept.weights),
            validationLogits: joinedAnswers(await answers(kept.weights), done, kept.epoch),
          }
        : undefined,
    facts: {
      stages: plan.stages,
      boundary: stored.storage.boundary.called,
      views: stored.views,
      history,
      bestEpoch: isTuned && kept ? kept.epoch : 0,
      kept: isTuned ? "fine-tuned" : "linear-probe",
      why: whyText(isTuned, choice),
      ...(choice ? { choice } : {}),
      ...(stop ? { stop } : {}),
      probe: { accuracy: probe.accuracy, logLoss: probe.logLoss },
      recipe,
    },
  };
}
