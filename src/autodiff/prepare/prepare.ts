/**
 * Rewrites a network before it is differentiated: the same function of the same parameters in a form whose gradient is faster. Each
 * rewrite decides from the graph whether it applies.
 */
import type { Graph } from "../../graph/model.ts";
import type { Shapes } from "../gradients.ts";
import { channelsLast, type WithChannelsLast } from "./channels-last.ts";
import { foldNorms } from "./fold-norms.ts";
import { sliceStrides } from "./strided-pointwise.ts";

/**
 * Prepares a network for training.
 *
 * @param shapes of every tensor
 * @param trained names of the parameters that will change
 */
export function prepare(graph: Graph, shapes: Shapes, trained: ReadonlySet<string>): WithChannelsLast {
  const folded = foldNorms(graph, shapes, trained);
  // A kernel that is not a constant of the network was computed from a trainable parameter.
  const changes = (kernel: string): boolean => trained.has(kernel) || !folded.graph.initializers.has(kernel);
  const sliced = sliceStrides(folded.graph, folded.shapes, changes);
  return channelsLast(sliced.graph, sliced.shapes, trained);
}
