/** Giving a definition its parameters: those of a file, or fresh ones. Where files come from is `../weights/`. */
import { dataError } from "../../base/errors.ts";
import { type Model, modelOf } from "../../graph/model.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Definition } from "./definition.ts";

/** PyTorch's count of training steps, beside every batch norm: no part of the network. */
const STEP_COUNT = /(^|\.)num_batches_tracked$/;

/** How many names an error lists before it says how many more there are. */
const LISTED = 3;

/**
 * The model: the definition's graph with `weights` as its initializers, the very tensors, no byte copied.
 *
 * @throws GraftError (`data`) naming parameters that are missing, unexpected, or not float32 of the right shape
 */
export function withWeights(definition: Definition, weights: ReadonlyMap<string, Tensor>): Model {
  const { name, graph, parameters } = definition;
  const ignored = [STEP_COUNT, ...(definition.ignored ?? [])];
  const missing = [...parameters.keys()].filter((parameter) => !weights.has(parameter));
  const unexpected = [...weights.keys()].filter(
    (given) => !parameters.has(given) && !ignored.some((pattern) => pattern.test(given)),
  );
  const unlike = [...parameters].flatMap(([parameter, { dims }]) => {
    const given = weights.get(parameter);
    if (!given || (given.type === "float32" && sameDims(given.dims, dims))) return [];
    return [`${parameter} (${given.type} [${given.dims}], not float32 [${dims}])`];
  });
  const faults = [listed("lack", missing), listed("have besides", unexpected), listed("hold in another shape", unlike)];
  const found = faults.filter((fault) => fault !== undefined);
  if (found.length > 0)
    throw dataError(`The weights do not fit ${name}: they ${found.join("; they ")}; give weights made for ${name}.`);
  const given = [...parameters.keys()].map((parameter) => [parameter, weights.get(parameter)!] as const);
  return modelOf({ ...graph, initializers: new Map([...graph.initializers, ...given]) });
}

const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

function listed(verb: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length - LISTED;
  return `${verb} ${names.slice(0, LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
