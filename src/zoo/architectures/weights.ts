/** Turns a definition and its weights into a model. Reading weights from files is in `../weights/`. */
import { dataError } from "../../base/errors.ts";
import { type Model, modelOf } from "../../graph/model.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Definition } from "./definition.ts";
import { withPositions } from "./position-embedding.ts";

/** PyTorch's counter of training steps beside every batch norm; not part of the network. */
export const STEP_COUNT = /(^|\.)num_batches_tracked$/;

/** The definition's graph with its weights as initializers, not copied. A position embedding of another input size is resampled.
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
