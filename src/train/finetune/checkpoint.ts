/**
 * Checkpoints: all that a training is at one moment, in one safetensors file that is written whole or not at all. Batches
 * need not be in it: they follow from the seed and the step (sampler.ts).
 */
import { existsSync } from "node:fs";
import { dataError, usageError } from "../../base/errors.ts";
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

/** The metadata's key. */
const KEY = "graft.finetune";
const [HELD, BEST] = ["held/", "best/"];

/** Writes a checkpoint; one that was there is replaced. Throws GraftError (`work`) where the disk refuses. */
export async function writeCheckpoint(path: string, identity: Identity, { choices, state }: Checkpoint): Promise<void> {
  const { held, best, ...rest } = state;
  const { weights, ...scores } = best;
  const tensors = new Map<string, Tensor>();
  for (const [name, values] of held) tensors.set(HELD + name, float32Tensor([values.length], values));
  for (const [name, values] of weights) tensors.set(BEST + name, float32Tensor([values.length], values));
  const written: Written = { format: 1, identity, choices, state: { ...rest, best: scores } };
  await writeSafetensors(path, tensors, { [KEY]: JSON.stringify(written) });
}

/**
 * Reads a checkpoint; nothing where there is none.
 *
 * @throws GraftError (`usage`) where another training wrote it; (`data`) where it is not a checkpoint
 */
export async function readCheckpoint(path: string, identity: Identity): Promise<Checkpoint | undefined> {
  if (!existsSync(path)) return undefined;
  const file = await openSafetensors(await openRanges(path));
  try {
    const text = file.metadata.get(KEY);
    if (text === undefined) throw dataError(`${path} is no checkpoint of Graft's: leave --resume out to begin anew.`);
    const { identity: theirs, choices, state } = JSON.parse(text) as Written;
    const other = Object.keys(identity).find((what) => theirs[what] !== identity[what]);
    if (other !== undefined) {
      throw usageError(
        `The checkpoint ${path} is of another training (${other} was ${theirs[other]}, now ${identity[other]}): give the same options, or leave --resume out to begin anew.`,
      );
    }
    const [held, best] = [new Map<string, Float32Array>(), new Map<string, Float32Array>()];
    for (const name of file.entries.keys()) {
      const into = name.startsWith(HELD) ? held : best;
      into.set(name.slice(HELD.length), asFloat32(await file.read(name)));
    }
    return { choices, state: { ...state, held, best: { ...state.best, weights: best } } };
  } finally {
    await file.close();
  }
}
