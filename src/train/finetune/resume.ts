/** Going on from a checkpoint: what two trainings must share for that, and the checkpoint itself. */
import { availableParallelism } from "node:os";
import { sha256 } from "../../base/files.ts";
import { type Checkpoint, type Identity, readCheckpoint } from "./checkpoint.ts";
import type { FinetuneInput, FinetuneOptions, Labelled } from "./input.ts";
import type { Unfrozen } from "./plan.ts";
import type { Recipe } from "./recipe.ts";

/** The checkpoint to go on from. */
export async function savedBefore(
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
export function identityOf(
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
