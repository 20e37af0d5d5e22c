/**
 * One fine-tuning from end to end, head first (LP-FT: Kumar et al., arXiv 2202.10054): a linear probe's head is given; the
 * freeze boundary is chosen, what the frozen part yields is stored, the loop runs, and the better of the tuned network and the
 * probe comes out. Each of these has a file of its own beside this one.
 */
import { availableParallelism } from "node:os";
import type { Head } from "../../artifact/contract.ts";
import { makeFolder, sha256 } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { type Scores, scoreLogits } from "../../evaluate/log-loss.ts";
import { openModel } from "../../runtime/open-model.ts";
import { type CutShape, shapesOf } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { stagesOf } from "../../zoo/stages.ts";
import type { Location } from "../features/records.ts";
import { countLabels } from "../head/fit.ts";
import { logitsOf } from "./answers.ts";
import { batchesOf, createReader } from "./batches.ts";
import { type Checkpoint, type Choices, type Identity, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { type Engine, openEngine } from "./engine.ts";
import { findLearningRate, RANGE_STEPS, type RangeTest } from "./find-lr.ts";
import { TooLarge } from "./front.ts";
import { availableMemory, roomIn } from "./machine.ts";
import { type Unfrozen, unfrozen } from "./plan.ts";
import { type Recipe, type RecipeFlags, recipeFor } from "./recipe.ts";
import { chooseStorage, type Storage, storageText } from "./room.ts";
import { createSampler } from "./sampler.ts";
import type { Weights } from "./step-runner.ts";
import { boundaryCaches, type Stored, storePictures } from "./store.ts";
import { type Boundary, boundaryOf, pixelBoundary, type StoredType } from "./tail.ts";
import { type EpochRecord, initialState, type Outcome, runTraining, type Stop } from "./trainer.ts";
import { headIn, ownName, stopText, withWeights } from "./tuned.ts";
import type { Picture } from "./views.ts";

/** What a user may say of a fine-tuning. */
export interface FinetuneOptions extends RecipeFlags {
  /** A stage, `all`, or a number of last stages. */
  readonly unfreeze: string | number;
  /** Whether the network has learned nothing yet: its head begins afresh too, and batch norm goes by the batch. */
  readonly fromScratch?: boolean | undefined;
  /** Whether to look for the learning rate first. */
  readonly findLr?: boolean | undefined;
  /** `off`: the frozen part runs in every step, and only pixels are kept. Default `auto`. */
  readonly boundaryCache?: "auto" | "off" | undefined;
  /** How what the frozen part yields is kept. Default in half precision where that reaches, which costs no accuracy (`bench -- storage`). */
  readonly precision?: "float16" | "float32" | undefined;
  /** Where checkpoints are written; without it there are none. */
  readonly checkpoint?: string | undefined;
  /** Goes on from the checkpoint, if there is one. */
  readonly resume?: boolean | undefined;
}

/** Pictures with their labels. */
export interface Labelled {
  readonly pictures: readonly Picture[];
  readonly labels: Int32Array;
}

export interface FinetuneInput {
  readonly network: Network;
  readonly shape: CutShape;
  /** The linear probe's, fitted on the same training pictures. */
  readonly head: Head;
  readonly train: Labelled;
  readonly validation: Labelled;
  readonly test: Labelled;
  readonly classes: number;
  readonly classWeights: "none" | "balanced";
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  /** Told of choices and of what went otherwise than asked, a sentence each. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Told of each epoch when it has been judged. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is told of a fine-tuning: the JSON's `finetune`. */
export interface FinetuneFacts {
  /** The stages that were trained. */
  readonly stages: readonly string[];
  /** The tensor that the frozen part ends in, or `pixels`. */
  readonly boundary: string;
  /** Views of each training picture. */
  readonly views: number;
  readonly storage: { readonly type: StoredType; readonly bytes: number };
  /** Epochs that were run. */
  readonly epochs: number;
  /** 0 where none did better than the linear probe. */
  readonly bestEpoch: number;
  readonly kept: "fine-tuned" | "linear-probe";
  /** Why it ended before its last epoch. */
  readonly stop?: Stop;
  readonly history: readonly EpochRecord[];
  /** How the linear probe answered to the same validation pictures. */
  readonly probe: Scores;
  readonly recipe: Recipe;
  readonly rangeTest?: RangeTest;
  /** Views that went through the frozen part now, and how many a second. */
  readonly front: { readonly computed: number; readonly rate: number };
}

export interface Finetuned {
  /** The network with its tuned weights, and the tuned head; nothing where the linear probe was not outdone. */
  readonly tuned:
    | {
        readonly network: Network;
        readonly head: Head;
        /** `[N, C]` */
        readonly validationLogits: Float32Array;
        readonly testLogits: Float32Array;
      }
    | undefined;
  /** The network's parameters that were trained. */
  readonly trained: ReadonlySet<string>;
  readonly facts: FinetuneFacts;
  readonly seconds: number;
  /** Images a second inside the loop; 0 where nothing was left to do. */
  readonly stepRate: number;
}

/**
 * Fine-tunes a network.
 *
 * @throws GraftError (`usage`) where there is no such stage, or the checkpoint is another training's; (`data`) where there is no
 *   room for it; the signal's reason where it was aborted, after the checkpoint was written
 */
export async function finetune(input: FinetuneInput, options: FinetuneOptions): Promise<Finetuned> {
  const began = performance.now();
  const { network, train, classes } = input;
  const shapes = await shapesOf(network);
  const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), String(options.unfreeze), network.name);
  const { fromScratch } = options;
  const recipe = recipeFor({ examples: train.labels.length, classes, fromScratch }, options);
  const identity = identityOf(input, plan, recipe, options);
  const saved = await savedBefore(input, options, identity);
  const boundary = (stored: StoredType): Boundary =>
    options.boundaryCache === "off" ? pixelBoundary(network) : boundaryOf(network, plan, shapes, stored);
  const first = saved?.choices.stored === "float32" ? "float32" : (options.precision ?? "float16");
  const { storage, stored } = await stored_(input, recipe, boundary, saved?.choices, first);
  const engine = await openEngine({
    ...input,
    boundary: storage.boundary,
    plan,
    recipe,
    classWeights: lossWeights(input),
    batchStatistics: fromScratch,
    open: openModel,
    available: availableMemory(),
  });
  try {
    const trained = await trainOn(input, options, recipe, { engine, storage, stored, identity, saved });
    return {
      ...(await concluded(input, plan, trained, engine, storage, stored)),
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    await engine.close();
    stored.cache.close();
  }
}

/** The checkpoint to go on from. */
async function savedBefore(
  { onNote }: FinetuneInput,
  { checkpoint, resume = false }: FinetuneOptions,
  identity: Identity,
): Promise<Checkpoint | undefined> {
  if (!resume || checkpoint === undefined) return undefined;
  const saved = await readCheckpoint(checkpoint, identity);
  onNote?.(
    saved
      ? `Going on from ${checkpoint}, after ${saved.state.history.length} epochs and ${saved.state.step} steps.`
      : `There is no checkpoint ${checkpoint} to go on from: beginning at the first epoch.`,
  );
  return saved;
}

/** What two runs must share for one to go on where the other stopped. */
function identityOf(
  { network, head, train, validation, seed, classWeights }: FinetuneInput,
  { stages }: Unfrozen,
  recipe: Recipe,
  { findLr = false, boundaryCache = "auto" }: FinetuneOptions,
): Identity {
  const digestOf = ({ pictures, labels }: Labelled): string =>
    sha256(pictures.map(({ digest }, i) => `${digest.toString("hex")} ${labels[i]}\n`).join(""));
  return {
    network: network.sha256,
    "the training pictures' digest": digestOf(train),
    "the validation pictures' digest": digestOf(validation),
    "the head's digest": sha256(new Uint8Array(head.weights.buffer, head.weights.byteOffset, head.weights.byteLength)),
    "--unfreeze": stages.join(", "),
    "--seed": String(seed),
    "--class-weights": classWeights,
    "--find-lr": String(findLr),
    "--boundary-cache": boundaryCache,
    "--epochs": String(recipe.epochs),
    "--batch": String(recipe.batch),
    "--learning-rate": String(recipe.learningRate),
    "--augment": recipe.augmentation.name,
    "the recipe": JSON.stringify(recipe),
    threads: String(availableParallelism()),
  };
}

/** Chooses what to keep, or keeps to what was chosen before, and computes it; in full precision where half does not reach. */
async function stored_(
  input: FinetuneInput,
  recipe: Recipe,
  boundary: (stored: StoredType) => Boundary,
  before: Choices | undefined,
  first: "float16" | "float32",
): Promise<{ storage: Storage; stored: Stored }> {
  const { network, train, onNote } = input;
  await makeFolder(boundaryCaches());
  const room = await roomIn(boundaryCaches());
  const pixels = pixelBoundary(network);
  const attempt = async (type: StoredType): Promise<{ storage: Storage; stored: Stored }> => {
    const wanted = boundary(type);
    const pictures = train.labels.length;
    const chosen = chooseStorage(wanted, pixels, { pictures, wanted: recipe.views }, room);
    const storage = before
      ? { ...chosen, boundary: before.tensor === pixels.tensor ? pixels : wanted, views: before.views }
      : chosen;
    onNote?.(storageText(storage, wanted, { pictures, room }));
    const { pictures: validation } = input.validation;
    const { pictures: test } = input.test;
    const stored = await storePictures(
      { ...input, train: train.pictures, validation, test },
      storage.boundary,
      recipe,
      storage.views,
    );
    return { storage, stored };
  };
  try {
    return await attempt(first);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    onNote?.("The frozen part yields numbers that half precision does not hold: they are kept in full precision.");
    return attempt("float32");
  }
}

function lossWeights({ classWeights, train, classes }: FinetuneInput): number[] | undefined {
  if (classWeights === "none") return undefined;
  return countLabels(train.labels, classes).map((count) => train.labels.length / (classes * count));
}

interface Training {
  readonly engine: Engine;
  readonly storage: Storage;
  readonly stored: Stored;
  readonly identity: Identity;
  readonly saved: Checkpoint | undefined;
}

interface Trained {
  readonly outcome: Outcome;
  readonly recipe: Recipe;
  readonly rangeTest: RangeTest | undefined;
  readonly answers: (weights: Weights, locations: readonly Location[]) => Promise<Float32Array>;
}

async function trainOn(
  input: FinetuneInput,
  { findLr, checkpoint }: FinetuneOptions,
  planned: Recipe,
  { engine, storage, stored, identity, saved }: Training,
): Promise<Trained> {
  const { classes, seed, train, validation, onProgress, onNote, onEpoch, signal } = input;
  const { batch, epochs } = planned;
  const reader = createReader(stored.cache, storage.boundary, batch);
  const sampler = createSampler({ examples: train.labels.length, views: stored.views, batch, seed });
  const { mixup } = planned.augmentation.policy;
  const feeds = batchesOf({ sampler, reader, locations: stored.train, labels: train.labels, classes, mixup, seed });
  const answers: Trained["answers"] = (weights, locations) =>
    logitsOf(weights, locations, { session: engine.evaluation, reader, dims: engine.dims, batch, classes });
  const evaluate = async (weights: Weights): Promise<Scores> =>
    scoreLogits(await answers(weights, stored.validation), validation.labels, classes);

  const state = saved?.state ?? (await initialState(engine.step, engine.own, evaluate));
  const rangeTest = findLr && !saved ? await rangeTestOf(input, engine, state.held, feeds) : undefined;
  const learningRate = saved?.choices.learningRate ?? rangeTest?.suggested ?? planned.learningRate;
  const recipe = { ...planned, learningRate };
  const { tensor, stored: type } = storage.boundary;
  const choices: Choices = { tensor, stored: type, views: storage.views, learningRate };
  const outcome = await runTraining(state, {
    step: engine.step,
    run: engine.run,
    feeds,
    batch,
    epochs,
    stepsUntil: sampler.steps,
    learningRate,
    warmUp: recipe.warmUp,
    patience: recipe.patience,
    evaluate,
    checkpoint: async (now) => {
      if (checkpoint !== undefined) await writeCheckpoint(checkpoint, identity, { choices, state: now });
    },
    onProgress,
    onEpoch,
    signal,
  });
  if (outcome.interrupted) {
    const remedy = checkpoint === undefined ? "" : `: the same command with --resume goes on from ${checkpoint}`;
    onNote?.(`Stopped in epoch ${outcome.state.history.length + 1} of ${epochs}${remedy}.`);
    throw signal?.reason;
  }
  if (outcome.stop) onNote?.(stopText(outcome.stop, outcome.state.best.epoch));
  return { outcome, recipe, rangeTest, answers };
}

async function rangeTestOf(
  { onProgress, onNote, signal }: FinetuneInput,
  { run }: Engine,
  held: Weights,
  batch: Parameters<typeof findLearningRate>[0]["batch"],
): Promise<RangeTest> {
  const meter = createMeter({ stage: "Finding the learning rate", unit: "steps", total: RANGE_STEPS, onProgress });
  const found = await findLearningRate({ run, held, batch, onStep: meter.set, signal });
  onNote?.(
    `The loss is least at a learning rate of ${(10 * found.suggested).toPrecision(2)}: training with a tenth of it, ${found.suggested.toPrecision(2)}.`,
  );
  return found;
}

async function concluded(
  { network, onNote }: FinetuneInput,
  plan: Unfrozen,
  { outcome, recipe, rangeTest, answers }: Trained,
  { changing, ofNetwork }: Engine,
  { boundary, bytes }: Storage,
  stored: Stored,
): Promise<Omit<Finetuned, "seconds">> {
  const { best, history, probe } = outcome.state;
  const isTuned = best.epoch > 0;
  if (!isTuned)
    onNote?.("No epoch answered better to the validation pictures than the linear probe: the probe is kept.");
  return {
    tuned: isTuned
      ? {
          network: withWeights(network, best.weights, ofNetwork),
          head: headIn(best.weights),
          validationLogits: await answers(best.weights, stored.validation),
          testLogits: await answers(best.weights, stored.test),
        }
      : undefined,
    trained: new Set(changing.flatMap((name) => ownName(name) ?? [])),
    facts: {
      stages: plan.stages,
      boundary: boundary.called,
      views: stored.views,
      storage: { type: boundary.stored, bytes },
      epochs: history.length,
      bestEpoch: best.epoch,
      kept: isTuned ? "fine-tuned" : "linear-probe",
      ...(outcome.stop ? { stop: outcome.stop } : {}),
      history,
      probe,
      recipe,
      ...(rangeTest ? { rangeTest } : {}),
      front: { computed: stored.computed, rate: stored.seconds > 0 ? stored.computed / stored.seconds : 0 },
    },
    stepRate: outcome.stepSeconds > 0 ? (outcome.steps * recipe.batch) / outcome.stepSeconds : 0,
  };
}
