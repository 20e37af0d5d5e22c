/** The network that learns from nothing, as a {@link Network} that `train/finetune` trains like any other. */
import { sha256 } from "../../../base/files.ts";
import { createRandom } from "../../../base/random.ts";
import { freshWeights } from "../../../zoo/architectures/initialise.ts";
import { withWeights } from "../../../zoo/architectures/weights.ts";
import type { CutShape } from "../../../zoo/backbone.ts";
import type { Network } from "../../../zoo/network.ts";
import { preprocessingPresets } from "../../../zoo/preprocessing.ts";
import { describeSized, type Sized, smallResnet } from "./architecture.ts";

/** A network with fresh weights: the same seed gives the same. */
export function freshNetwork(sized: Sized, classes: number, seed: number): { network: Network; shape: CutShape } {
  const definition = smallResnet(sized, classes);
  const { size: features, tensor } = definition.features;
  return {
    network: {
      name: definition.name,
      description: `${describeSized(sized)}, fresh.`,
      licence: "none: no weights of others are in it",
      source: `from scratch, seed ${seed}`,
      // Without the seed: what is kept of images are pixels, which all of them share.
      sha256: sha256(`${definition.name} ${sized.side}`),
      model: withWeights(definition, freshWeights(definition, createRandom(seed))),
      preprocessing: {
        ...{ size: sized.side, fit: { kind: "stretch" }, interpolation: "bilinear", layout: "nchw" },
        ...preprocessingPresets.imagenet,
      },
      stages: definition.stages,
      cut: tensor,
    },
    shape: { pooling: "none", features },
  };
}
