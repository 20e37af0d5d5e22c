/**
 * Checkpoints on disk: the state of a training and the identity that it must share with the training that continues it, in one safetensors file
 * that is replaced atomically. Batches are not stored: they follow from the seed and the step (batches.ts).
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { crc32 } from "node:zlib";
import { dataError, isDataError, usageError } from "../../base/errors.ts";
import { sha256 } from "../../base/files.ts";
import { openSafetensors, writeSafetensors } from "../../formats/safetensors.ts";
import { openRanges } from "../../formats/weight-file.ts";
import { asFloat32, float32Tensor, type Tensor } from "../../onnx/model.ts";
import type { Checkpointed, Checkpoints } from "../environment.ts";
import type { Checkpoint, Choices, Labelled } from "./finetune-contract.ts";
import type { Weights } from "./step-runner.ts";
import type { AveragedWeights, TrainingState } from "./training-loop.ts";

/** What a training depends on, under names for messages. Only a training with equal values may continue from a checkpoint. */
export type Identity = Readonly<Record<string, string>>;

interface Written {
  /** 2: averages of the last epochs instead of the weights of one, and the predictions of further trainings. */
  readonly format: 2;
  readonly identity: Identity;
  readonly choices: Choices;
  /** The number of stored logits (one per epoch) of each finished training, and of this one. */
  readonly done: readonly number[];
  readonly answers: number;
  readonly state: Omit<TrainingState, "held" | "last" | "best" | "logits"> & {
    readonly last?: Omit<AveragedWeights, "weights"> | undefined;
    readonly best?: Omit<AveragedWeights, "weights"> | undefined;
  };
}

/** The metadata's keys: the state, and the checksums of it and of every tensor. The oldest checkpoints have no checksums. */
const [KEY, CHECKS] = ["graft.finetune", "graft.crc32"];
const [HELD, LAST, BEST] = ["held/", "last/", "best/"];
/** Logits of a training, by its number and by epoch. */
const logitsKey = (training: number, epoch: number): string => `answers/${training}/${epoch}`;

/** Writes a checkpoint, replacing an earlier one. Throws GraftError (`work`) if the disk refuses. */
export async function writeCheckpoint(
  path: string,
  identity: Identity,
  { choices, state, done }: Checkpoint,
): Promise<void> {
  const { held, last, best, logits, ...rest } = state;
  const tensors = new Map<string, Tensor>();
  const put = (prefix: string, weights: Weights): void => {
    for (const [name, values] of weights) tensors.set(prefix + name, float32Tensor([values.length], values));
  };
  put(HELD, held);
  if (last) put(LAST, last.weights);
  // Usually the last weights are the best: they are written once.
  if (best && best.epoch !== last?.epoch) put(BEST, best.weights);
  [...done, logits].forEach((one, training) => {
    one.forEach((values, epoch) => {
      tensors.set(logitsKey(training, epoch), float32Tensor([values.length], values));
    });
  });
  const scoresOf = ({ weights: _, ...scores }: AveragedWeights) => scores;
  const written: Written = {
    format: 2,
    identity,
    choices,
    done: done.map((one) => one.length),
    answers: logits.length,
    state: { ...rest, last: last && scoresOf(last), best: best && scoresOf(best) },
  };
  const text = JSON.stringify(written);
  const checks = Object.fromEntries([...tensors].map(([name, { bytes }]) => [name, crc32(bytes)]));
  await writeSafetensors(path, tensors, { [KEY]: text, [CHECKS]: JSON.stringify({ ...checks, [KEY]: crc32(text) }) });
}

/** Checksums by tensor name, and of the state under {@link KEY}. */
type Checks = Readonly<Record<string, unknown>>;

function checked(path: string, checks: Checks | undefined, name: string, bytes: Uint8Array | string): void {
  if (checks && checks[name] !== crc32(bytes)) throw damaged(path);
}

const damaged = (path: string, cause?: unknown): Error =>
  dataError(`The checkpoint ${path} is damaged: leave --resume out to start over, or restore a copy of it.`, cause);

/**
 * Reads a checkpoint; undefined if there is none.
 *
 * @throws GraftError (`usage`) if another training wrote it; (`data`) if it is not a checkpoint
 */
export async function readCheckpoint(path: string, identity: Identity): Promise<Checkpoint | undefined> {
  if (!existsSync(path)) return undefined;
  const ranges = await openRanges(path);
  const file = await openSafetensors(ranges).catch(async (error: unknown) => {
    await ranges.close();
    throw isDataError(error) ? damaged(path, error) : error;
  });
  try {
    const text = file.metadata.get(KEY);
    if (text === undefined) throw dataError(`${path} is not a checkpoint of Graft: leave --resume out to start over.`);
    const checks = parsed<Checks>(path, file.metadata.get(CHECKS));
    checked(path, checks, KEY, text);
    const { format, identity: theirs, choices, state, done, answers } = parsed<Written>(path, text)!;
    if (format !== 2)
      throw usageError(`The checkpoint ${path} is of another version of Graft: leave --resume out to start over.`);
    const other = Object.keys(identity).find((what) => theirs[what] !== identity[what]);
    if (other !== undefined) {
      throw usageError(
        `The checkpoint ${path} is of another training (${other} was ${theirs[other]}, now ${identity[other]}): give the same options, or leave --resume out to start over.`,
      );
    }
    const read = async (name: string): Promise<Float32Array> => {
      const tensor = await file.read(name);
      checked(path, checks, name, tensor.bytes);
      return asFloat32(tensor);
    };
    const logitsOf = (count: number, training: number): Promise<Float32Array[]> =>
      Promise.all(Array.from({ length: count }, (_, epoch) => read(logitsKey(training, epoch))));
    const weightsOf = async (prefix: string): Promise<Weights> => {
      const names = [...file.entries.keys()].filter((name) => name.startsWith(prefix));
      const weights = new Map<string, Float32Array>();
      for (const name of names) weights.set(name.slice(prefix.length), await read(name));
      return weights;
    };
    const last = state.last && { ...state.last, weights: await weightsOf(LAST) };
    const isLast = state.best?.epoch === last?.epoch;
    const best = state.best && { ...state.best, weights: isLast ? last!.weights : await weightsOf(BEST) };
    return {
      choices,
      state: { ...state, held: await weightsOf(HELD), last, best, logits: await logitsOf(answers, done.length) },
      done: await Promise.all(done.map(logitsOf)),
    };
  } finally {
    await file.close();
  }
}

/** Parses JSON of the metadata; undefined if there is none. */
function parsed<T>(path: string, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw damaged(path, error);
  }
}

/** Opens the checkpoints of a training in Node. */
export function openCheckpoints(path: string, training: Checkpointed): Checkpoints {
  const identity = identityOf(training);
  return {
    read: () => readCheckpoint(path, identity),
    write: (checkpoint) => writeCheckpoint(path, identity, checkpoint),
  };
}

/** What a run must share with an earlier one to continue it. */
function identityOf({
  input: { network, head, train, validation, seed, classWeights },
  plan: { stages },
  recipe,
  options: { findLr = false, boundaryCache = "auto" },
}: Checkpointed): Identity {
  const digestOf = ({ images, labels }: Labelled): string =>
    sha256(images.map(({ digest }, i) => `${digest} ${labels[i]}\n`).join(""));
  return {
    network: network.sha256,
    "the training images' digest": digestOf(train),
    "the validation images' digest": digestOf(validation),
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
