/**
 * Opens networks with fresh parameters, to train from scratch. An architecture that Graft builds starts with its authors'
 * initialisation, without a download; any other network is read, and all its parameters are drawn again (initialise/).
 */
import { usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { type Random, randomFor } from "../base/random.ts";
import type { Define } from "./architectures/definition.ts";
import { freshWeights } from "./architectures/initialise.ts";
import { architectures } from "./architectures/registry.ts";
import { smallResnets } from "./architectures/small-resnet.ts";
import { shapesOf } from "./backbone.ts";
import { catalogued, hubEntryOf } from "./catalogue.ts";
import { describeScratch, fromScratch } from "./initialise/from-scratch.ts";
import type { Network } from "./network.ts";
import { openNetwork } from "./open.ts";
import type { OpenOptions } from "./open-options.ts";
import { preprocessingPresets, stretched } from "./preprocessing.ts";
import { runnableModel } from "./pretrained.ts";

const LICENCE = "none: it has no pretrained weights";

/**
 * Opens a network with fresh parameters.
 *
 * @param name an architecture, a name from the catalogue, or the path of an `.onnx` file
 * @param seed the same seed gives the same bytes
 * @throws GraftError as {@link openNetwork}; (`usage`) if weights are given too; (`data`) if Graft does not know how to initialise a
 *   constant of the file, or the network is quantised
 */
export async function openFresh(name: string, seed: number, options: OpenOptions = {}): Promise<Network> {
  if (options.weights !== undefined)
    throw usageError("--weights and --from-scratch exclude each other: leave one of them out.");
  const random = randomFor(seed, "from scratch");
  const source = `from scratch, seed ${seed}`;
  const entry = catalogued(name);
  const architecture = entry ? (entry.source.kind === "hub" ? entry.architecture : undefined) : name;
  const define = architectures.get(architecture ?? "") ?? smallResnets.get(architecture ?? "");
  return architecture !== undefined && define
    ? freshArchitecture(name, architecture, define, random, source, options)
    : redrawn(await openNetwork(name, options), random, source);
}

/** A network with all its parameters drawn again. */
async function redrawn(network: Network, random: Random, source: string): Promise<Network> {
  const scratch = fromScratch(network.model, await shapesOf(network), random);
  return {
    ...network,
    description: `${network.name} with fresh parameters.`,
    licence: LICENCE,
    source,
    sha256: sha256(`${network.sha256} ${source}`),
    model: scratch.model,
    changes: [...(network.changes ?? []), ...describeScratch(scratch)],
  };
}

/** An architecture that Graft builds, with its authors' initialisation. */
async function freshArchitecture(
  name: string,
  architecture: string,
  define: Define,
  random: Random,
  source: string,
  { preprocessing = "imagenet", cut }: OpenOptions,
): Promise<Network> {
  const published = hubEntryOf(architecture);
  const definition = published ? define({ inputSize: published.inputSize }) : define();
  const { inputSize, stages, features } = definition;
  return {
    name,
    description: `${architecture} with its authors' initialisation.`,
    licence: LICENCE,
    source,
    sha256: sha256(`${architecture} ${inputSize} ${source}`),
    model: await runnableModel(definition, freshWeights(definition, random)),
    preprocessing: stretched(inputSize, preprocessingPresets[preprocessing]),
    stages,
    cut: cut ?? features.tensor,
    cuts: cut === undefined ? undefined : [],
  };
}
