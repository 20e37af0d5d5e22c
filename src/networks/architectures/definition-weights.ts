/** Turns a definition and its weights into a model, and draws fresh weights. Weights are read from files in `../weights/`. */
import { dataError } from "../../base/errors.ts";
import { normals, type Random } from "../../base/random.ts";
import { elementCount, float32Tensor, type Model, modelOf, type Tensor } from "../../onnx/model.ts";
import type { Definition, Initialiser, Parameter } from "./definition.ts";
import { withPositions } from "./vit.ts";

/** PyTorch's counter of training steps beside every batch norm; not part of the network. */
export const STEP_COUNT = /(^|\.)num_batches_tracked$/;

/**
 * The definition's graph with its weights as initializers, not copied. A position embedding of another input size is resampled.
 *
 * @param given float32 tensors by the definition's names
 * @throws GraftError (`data`) with the parameters that are missing, unexpected, or not float32 of the right shape
 */
export function withWeights(definition: Definition, given: ReadonlyMap<string, Tensor>): Model {
  const { name, graph, parameters } = definition;
  const weights = withPositions(definition, given);
  const ignored = [STEP_COUNT, ...(definition.ignored ?? [])];
  const missing = [...parameters.keys()].filter((parameter) => !weights.has(parameter));
  const unexpected = [...weights.keys()].filter(
    (each) => !parameters.has(each) && !ignored.some((pattern) => pattern.test(each)),
  );
  const unlike = [...parameters].flatMap(([parameter, { dims }]) => {
    const tensor = weights.get(parameter);
    if (!tensor || (tensor.type === "float32" && sameDims(tensor.dims, dims))) return [];
    return [`${parameter} (${tensor.type} [${tensor.dims}], not float32 [${dims}])`];
  });
  if (missing.length + unexpected.length + unlike.length > 0)
    throw dataError(
      `The weights do not fit ${name}: ${describeMisfit({ missing, unexpected, unlike })}; pass weights made for ${name}.`,
    );
  const learned = [...parameters.keys()].map((parameter) => [parameter, weights.get(parameter)!] as const);
  return modelOf({ ...graph, initializers: new Map([...graph.initializers, ...learned]) });
}

export const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** How weights differ from a definition. */
export interface Misfit {
  /** Parameters without weights. */
  readonly missing: readonly string[];
  /** Weights without a parameter. */
  readonly unexpected: readonly string[];
  /** Weights of another type or shape, each with both. */
  readonly unlike: readonly string[];
}

/** How many names an error lists of each kind. */
export const LISTED = 3;

/** The differences as the middle of a sentence; each list is cut off after three names. */
export function describeMisfit({ missing, unexpected, unlike }: Misfit): string {
  const lists = [
    ["missing", missing],
    ["unexpected", unexpected],
    ["of another shape", unlike],
  ] as const;
  return lists.flatMap(([label, names]) => (names.length > 0 ? [`${label} ${firstOf(names)}`] : [])).join("; ");
}

function firstOf(names: readonly string[]): string {
  const more = names.length - LISTED;
  return `${names.slice(0, LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

// Fresh values, by the initialisers of a definition.

/** Weights to train from scratch: every parameter, drawn in the definition's order, so that the same seed gives the same bytes. */
export const freshWeights = (definition: Definition, random: Random): Map<string, Tensor> =>
  new Map([...definition.parameters].map(([name, parameter]) => [name, freshTensor(parameter, random)]));

/** The initial values of a parameter. */
export function freshTensor({ dims, initialiser }: Pick<Parameter, "dims" | "initialiser">, random: Random): Tensor {
  const values = new Float32Array(elementCount(dims));
  const draw = drawer(initialiser, dims, random);
  for (let index = 0; index < values.length; index++) values[index] = draw();
  return float32Tensor(dims, values);
}

function drawer(initialiser: Initialiser, dims: readonly number[], random: Random): () => number {
  switch (initialiser.kind) {
    case "constant":
      return () => initialiser.value;
    case "fan-in-uniform": {
      const bound = Math.sqrt(1 / (initialiser.fanIn ?? fans(dims).in));
      return () => bound * (2 * random.next() - 1);
    }
    case "kaiming-normal":
      return scaled(normals(random), Math.sqrt(2 / fans(dims)[initialiser.fan]));
    case "normal":
      return scaled(normals(random), initialiser.std);
    case "truncated-normal":
      return scaled(within(normals(random), 2), initialiser.std);
  }
}

/** The number of inputs of each output, and of outputs of each input, counted as in PyTorch's `_calculate_fan_in_and_fan_out`. */
function fans(dims: readonly number[]): { readonly in: number; readonly out: number } {
  if (dims.length < 2) throw new RangeError(`A parameter of shape [${dims}] has no fan.`);
  const field = elementCount(dims.slice(2));
  return { in: dims[1]! * field, out: dims[0]! * field };
}

const scaled = (draw: () => number, factor: number) => (): number => factor * draw();

/** Draws values beyond ±`limit` again. */
const within = (draw: () => number, limit: number) => (): number => {
  for (;;) {
    const value = draw();
    if (Math.abs(value) <= limit) return value;
  }
};
