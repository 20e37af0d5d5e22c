/** What the search for a classifier works with: an indexed graph, linear layers, and the operators that may follow logits. */
import { type Dataflow, dataflow } from "../../graph/dataflow.ts";
import { type Lookup, lookup } from "../../graph/lookup.ts";
import type { Graph } from "../../graph/model.ts";
import type { TensorShape } from "../../graph/tensor.ts";

/** The type and shape of every tensor. */
export type TensorShapes = ReadonlyMap<string, TensorShape>;

export interface IndexedGraph {
  readonly graph: Graph;
  /** Of every tensor, for a batch of any size; the first dimension is the batch. */
  readonly shapes: TensorShapes;
  readonly flow: Dataflow;
  readonly made: Lookup;
}

/** Indexes a graph. Throws a data error if it is cyclic. */
export const indexedGraph = (graph: Graph, shapes: TensorShapes): IndexedGraph => ({
  graph,
  shapes,
  flow: dataflow(graph),
  made: lookup(graph),
});
