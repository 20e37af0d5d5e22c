/**
 * Networks that have learned nothing yet, to be trained from scratch: an architecture that Graft builds begins as its authors
 * say, and nothing is fetched; any other network is read, and every parameter of it drawn anew (initialise/).
 */
import { usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { randomFor } from "../base/random.ts";
import { wholeMapConvolutionsAsGemm } from "../graph/whole-map-convolution.ts";
import { inferShapes } from "../runtime/shapes.ts";
import { freshWeights } from "./architectures/initialise.ts";
import { architectures } from "./architectures/registry.ts";
import { smallResnets } from "./architectures/small-resnet.ts";
import { withWeights } from "./architectures/weights.ts";
import { shapesOf } from "./backbone.ts";
import { catalogue, catalogued } from "./catalogue.ts";
import { describeScratch, fromScratch } from "./initialise/from-scratch.ts";
import type { Network } from "./network.ts";
import { openNetwork } from "./open.ts";
import type { OpenOptions } from "./open-options.ts";
import { preprocessingPresets } from "./preprocessing.ts";

const LICENCE = "none: no weights of others are in it";

/**
 * Opens a network without what it learned.
 *
 * @param name an architecture, a name from the catalogue, or the path of an `.onnx` file
 * @param seed the same seed gives the same bytes
 * @throws GraftError as {@link openNetwork}; (`usage`) where weights are given too; (`data`) where a constant of a file has no
 *   initialiser, or the network is quantised
 */
export async function openFresh(name: string, seed: number, options: OpenOptions = {}): Promise<Network> {
  if (options.weights !== undefined)
    throw usageError("From scratch, no weights are used: leave --weights out, or --from-scratch.");
  const random = randomFor(seed, "from scratch");
  const entry = catalogued(name);
  const architecture = entry ? (entry.source.kind === "hub" ? entry.architecture : undefined) : name;
  const define =
    architecture === undefined ? undefined : (architectures.get(architecture) ?? smallResnets.get(architecture));
  const source = `from scratch, seed ${seed}`;
  if (architecture === undefined || !define) {
    const network = await openNetwork(name, options);
    const scratch = fromScratch(network.model, await shapesOf(network), random);
    return {
      ...network,
      description: `${network.name}, its parameters drawn anew.`,
      licence: LICENCE,
      source,
      sha256: sha256(`${network.sha256} ${source}`),
      model: scratch.model,
      changes: [...(network.changes ?? []), ...describeScratch(scratch)],
    };
  }
  const published = catalogue.find((row) => row.source.kind === "hub" && row.architecture === architecture);
  const definition = published ? define({ inputSize: published.inputSize }) : define();
  const model = withWeights(definition, freshWeights(definition, random));
  const side = definition.inputSize;
  const shapes = await inferShapes(model, { image: [1, 3, side, side] });
  const preset = preprocessingPresets[options.preprocessing ?? "imagenet"];
  return {
    name,
    description: `${architecture}, begun as its authors say.`,
    licence: LICENCE,
    source,
    sha256: sha256(`${architecture} ${side} ${source}`),
    model: { ...model, graph: wholeMapConvolutionsAsGemm(model.graph, shapes) },
    preprocessing: { size: side, fit: { kind: "stretch" }, interpolation: "bicubic", layout: "nchw", ...preset },
    stages: definition.stages,
    cut: options.cut ?? definition.features.tensor,
    cuts: options.cut === undefined ? undefined : [],
  };
}
