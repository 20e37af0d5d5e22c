/**
 * Draws all parameters of an ONNX network again: the role of each constant is derived from how the graph uses it, and determines its
 * initialiser. Architectures that Graft builds define their own initialisers.
 */
import { dataError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { foldConstants } from "../../graph/fold-constants.ts";
import type { Model } from "../../graph/model.ts";
import { elementCount, type Tensor, type TensorShape } from "../../graph/tensor.ts";
import { freshTensor } from "../architectures/initialise.ts";
import { type GraphIndex, indexGraph } from "./anatomy.ts";
import { type Initialisation, initialisationOf } from "./draw.ts";
import { restoreNorms } from "./restore-norm.ts";
import type { Role } from "./role.ts";
import { roleOf } from "./roles.ts";
import { separateShared } from "./untie.ts";
import { type Use, usesOf } from "./uses.ts";

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
