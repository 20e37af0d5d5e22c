/** Checkpoints on disk: what two trainings must share for one to go on from the other's. */
import { availableParallelism } from "node:os";
import { sha256 } from "../../base/files.ts";
import type { Checkpointed, Checkpoints } from "../environment.ts";
import { type Identity, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { Labelled } from "./input.ts";

export function openCheckpoints(path: string, training: Checkpointed): Checkpoints {
  const identity = identityOf(training);
  return {
    read: () => readCheckpoint(path, identity),
    write: (checkpoint) => writeCheckpoint(path, identity, checkpoint),
  };
}

/** What two runs must share for one to go on where the other stopped. */
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
