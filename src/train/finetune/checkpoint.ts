/**
 * Checkpoints: all that a training is at one moment, in one safetensors file that is written whole or not at all. Batches
 * need not be in it: they follow from the seed and the step (sampler.ts).
 */
import { existsSync } from "node:fs";
import { crc32 } from "node:zlib";
import { dataError, isDataError, usageError } from "../../base/errors.ts";
import { asFloat32, float32Tensor, type Tensor } from "../../graph/tensor.ts";
import { openRanges } from "../../zoo/weights/ranges.ts";
import { openSafetensors } from "../../zoo/weights/safetensors/read.ts";
import { writeSafetensors } from "../../zoo/weights/safetensors/write.ts";
import type { TrainingState } from "./trainer.ts";

/** What a training depends on, by the words in which a user would say it. Only the same one may go on from a checkpoint. */
export type Identity = Readonly<Record<string, string>>;

/** What was chosen by what the machine had to spare, and must not be chosen anew. */
export interface Choices {
  /** The boundary's tensor, and how it is stored. */
  readonly tensor: string;
  readonly stored: string;
  readonly views: number;
  readonly learningRate: number;
}

export interface Checkpoint {
  readonly choices: Choices;
  readonly state: TrainingState;
}

interface Written {
  readonly format: 1;
  readonly identity: Identity;
  readonly choices: Choices;
  readonly state: Omit<TrainingState, "held" | "best"> & { readonly best: Omit<TrainingState["best"], "weights"> };
}

/** The metadata's keys: the state, and the checksums of it and of every tensor. Checkpoints of before there were these have none. */
const [KEY, CHECKS] = ["graft.finetune", "graft.crc32"];
const [HELD, BEST] = ["held/", "best/"];

/** Writes a checkpoint; one that was there is replaced. Throws GraftError (`work`) where the disk refuses. */
export async function writeCheckpoint(path: string, identity: Identity, { choices, state }: Checkpoint): Promise<void> {
  const { held, best, ...rest } = state;
  const { weights, ...scores } = best;
  const tensors = new Map<string, Tensor>();
  for (const [name, values] of held) tensors.set(HELD + name, float32Tensor([values.length], values));
  for (const [name, values] of weights) tensors.set(BEST + name, float32Tensor([values.length], values));
  const written: Written = { format: 1, identity, choices, state: { ...rest, best: scores } };
  const text = JSON.stringify(written);
  const checks = Object.fromEntries([...tensors].map(([name, { bytes }]) => [name, crc32(bytes)]));
  await writeSafetensors(path, tensors, { [KEY]: text, [CHECKS]: JSON.stringify({ ...checks, [KEY]: crc32(text) }) });
}

/** By name; of all tensors, and of the state under {@link KEY}. */
type Checks = Readonly<Record<string, unknown>>;

function checked(path: string, checks: Checks | undefined, name: string, bytes: Uint8Array | string): void {
  if (checks && checks[name] !== crc32(bytes)) throw damaged(path);
}

const damaged = (path: string, cause?: unknown): Error =>
  dataError(`The checkpoint ${path} is damaged: leave --resume out to begin again, or put back a copy of it.`, cause);

/**
 * Reads a checkpoint; nothing where there is none.
 *
 * @throws GraftError (`usage`) where another training wrote it; (`data`) where it is not a checkpoint
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
    if (text === undefined) throw dataError(`${path} is no checkpoint of Graft's: leave --resume out to begin again.`);
    const checks = parsed<Checks>(path, file.metadata.get(CHECKS));
    checked(path, checks, KEY, text);
    const { identity: theirs, choices, state } = parsed<Written>(path, text)!;
    const other = Object.keys(identity).find((what) => theirs[what] !== identity[what]);
    if (other !== undefined) {
      throw usageError(
        `The checkpoint ${path} is of another training (${other} was ${theirs[other]}, now ${identity[other]}): give the same options, or leave --resume out to begin again.`,
      );
    }
    const [held, best] = [new Map<string, Float32Array>(), new Map<string, Float32Array>()];
    for (const name of file.entries.keys()) {
      const tensor = await file.read(name);
      checked(path, checks, name, tensor.bytes);
      const into = name.startsWith(HELD) ? held : best;
      into.set(name.slice(HELD.length), asFloat32(tensor));
    }
    return { choices, state: { ...state, held, best: { ...state.best, weights: best } } };
  } finally {
    await file.close();
  }
}

/** JSON of the metadata; nothing where there is none. */
function parsed<T>(path: string, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw damaged(path, error);
  }
}
