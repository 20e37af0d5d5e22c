/** Giving a definition its parameters: those of a file, or fresh ones. Where files come from is `../weights/`. */
import { dataError } from "../../base/errors.ts";
import { type Model, modelOf } from "../../graph/model.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Definition } from "./definition.ts";
import { withPositions } from "./position-embedding.ts";

/** PyTorch's count of training steps, beside every batch norm: no part of the network. */
const STEP_COUNT = /(^|\.)num_batches_tracked$/;

/** How many names an error lists before it says how many more there are. */
const LISTED = 3;

/**
 * The model: the definition's graph with weights as its initializers, the very tensors, no byte copied; but for a position
 * embedding made for another input size, which is resampled.
 *
 * @param given by the definition's names
 * @throws GraftError (`data`) naming parameters that are missing, unexpected, or not float32 of the right shape
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
  const faults = [listed("lack", missing), listed("have besides", unexpected), listed("hold in another shape", unlike)];
  const found = faults.filter((fault) => fault !== undefined);
  if (found.length > 0)
    throw dataError(`The weights do not fit ${name}: they ${found.join("; they ")}; give weights made for ${name}.`);
  const learned = [...parameters.keys()].map((parameter) => [parameter, weights.get(parameter)!] as const);
  return modelOf({ ...graph, initializers: new Map([...graph.initializers, ...learned]) });
}

const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

function listed(verb: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length - LISTED;
  return `${verb} ${names.slice(0, LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
