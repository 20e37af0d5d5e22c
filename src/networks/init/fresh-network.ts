/**
 * Opens networks with fresh parameters, to train from scratch. An architecture that Graft builds starts with its authors'
 * initialisation, without a download; any other network is read, and all its parameters are drawn again by their roles. Trains
 * nothing.
 */
import { dataError, usageError } from "../../base/errors.ts";
import { sha256 } from "../../base/files.ts";
import { type Random, randomFor } from "../../base/random.ts";
import { elementCount, type Model, type Tensor, type TensorShape } from "../../onnx/model.ts";
import { foldConstants } from "../../onnx/passes/simplify.ts";
import { architectures } from "../architectures/architecture-registry.ts";
import type { Define } from "../architectures/definition.ts";
import { freshTensor, freshWeights } from "../architectures/definition-weights.ts";
import { smallResnets } from "../architectures/small-resnet.ts";
import { shapesOf } from "../backbone/backbone.ts";
import { findCatalogueEntry, hubEntryOf } from "../catalogue/catalogue.ts";
import type { Network } from "../network.ts";
import { openNetwork } from "../open.ts";
import type { OpenOptions } from "../open-options.ts";
import { preprocessingPresets, stretched } from "../preprocessing/preprocessing.ts";
import { runnableModel } from "../pretrained.ts";
import { type GraphIndex, indexGraph, separateShared, type Use, usesOf } from "./graph-index.ts";
import { type Initialisation, initialisationOf } from "./initialisers.ts";
import { type Role, roleOf } from "./parameter-roles.ts";
import { restoreNorms } from "./restore-norm.ts";

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
  const entry = findCatalogueEntry(name);
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

// The parameters of an ONNX network: how the graph uses a constant determines its role, and the role its initialiser.

/** Parameters with the same initialisation. */
export interface Drawn {
  /** Their role and initialiser, as text: `weights before a rectifier: He normal`. */
  readonly called: string;
  readonly tensors: number;
  /** Total number of elements. */
  readonly values: number;
}

/** A network with fresh parameters. */
export interface Scratch {
  readonly model: Model;
  /** Its parameters by initialisation. */
  readonly drawn: readonly Drawn[];
  /** The names of its parameters with their roles; `mean` and `variance` have no gradient. */
  readonly parameters: ReadonlyMap<string, Role["kind"]>;
  /** The outputs of the convolutions that got their batch norm back. */
  readonly restored: readonly string[];
}

/** Operators of quantised networks. */
const quantised = /^(?:QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|QLinear\w+|ConvInteger|MatMulInteger)$/;

/**
 * Draws every parameter of a network again; the same seed gives the same bytes. Networks with folded batch norm get it back in inference
 * mode, so training must use the statistics of the batch.
 *
 * @param shapes of every tensor of the model, for any batch size
 * @throws GraftError (`data`) if the network is quantised, or Graft has no initialiser for the use of a constant
 */
export function fromScratch(model: Model, shapes: ReadonlyMap<string, TensorShape>, random: Random): Scratch {
  const folded = foldConstants(model.graph);
  const whole = folded.nodes.find(({ op }) => quantised.test(op));
  if (whole)
    throw dataError(
      `The network is quantised (node "${whole.name}", ${whole.op}) and cannot be trained from scratch: pass a float32 version.`,
    );
  const { graph: normed, restored } = restoreNorms(indexGraph(folded, shapes));
  const of = indexGraph(normed, shapes);
  const read = learnable(normed.initializers).map((name) => [name, usesOf(name, normed, of.flow, of.made)] as const);
  const separated = separateShared(normed, new Map(read.filter(([, uses]) => uses.length > 0)));
  const own = indexGraph(separated.graph, shapes);
  const initializers = new Map(separated.graph.initializers);
  const parameters = new Map<string, Role["kind"]>();
  const drawn = new Map<string, Drawn>();
  for (const [name, uses] of separated.uses) {
    const initialisation = initialisationAt(name, uses, own);
    if (!initialisation) continue;
    const { dims } = initializers.get(name)!;
    const { initialiser, called, role } = initialisation;
    initializers.set(name, freshTensor({ dims, initialiser }, random));
    parameters.set(name, role);
    const { tensors, values } = drawn.get(called) ?? { tensors: 0, values: 0 };
    drawn.set(called, { called, tensors: tensors + 1, values: values + elementCount(dims) });
  }
  return {
    model: { ...model, graph: { ...separated.graph, initializers } },
    drawn: [...drawn.values()],
    parameters,
    restored,
  };
}

/** Constants that may be learned: float32 tensors with at least one dimension. */
const learnable = (initializers: ReadonlyMap<string, Tensor>): string[] =>
  [...initializers].filter(([, { type, dims }]) => type === "float32" && dims.length > 0).map(([name]) => name);

/** The initialisation of a constant, from those of its uses in which it is learned. */
function initialisationAt(
  name: string,
  uses: readonly Use[],
  of: GraphIndex,
): (Initialisation & { readonly role: Role["kind"] }) | undefined {
  const roles = uses.map((use) => roleOf(use, of)).filter(({ kind }) => kind !== "constant");
  const [role] = roles;
  if (!role) return undefined;
  const odd = roles.find(({ kind }) => kind !== role.kind);
  if (odd)
    throw dataError(
      `The constant "${name}" is a ${role.kind} in one place and a ${odd.kind} in another: export the network without sharing constants.`,
    );
  return { ...initialisationOf(role, of)!, role: role.kind };
}

/** What was changed, as sentences for the user. */
export function describeScratch({ drawn, restored }: Scratch): string[] {
  const norms = `Batch norm, which was folded into ${restored.length} convolutions, was restored after them.`;
  return [
    ...drawn.map(({ called, tensors, values }) => `Initialised ${values} values in ${tensors} tensors: ${called}.`),
    ...(restored.length > 0 ? [norms] : []),
  ];
}
