/** What every rewrite before differentiation yields: the same function of the same parameters, in another form. */
import type { Graph } from "../../graph/model.ts";
import type { Shapes } from "../gradients.ts";

export interface Prepared {
  readonly graph: Graph;
  /** Of every tensor of the graph. */
  readonly shapes: Shapes;
}
