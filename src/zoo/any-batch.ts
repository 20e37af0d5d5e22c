/**
 * Makes sure that a network takes pictures in batches of any size, and does to each what it would do to it alone. Networks
 * exported for one batch size are rewritten; the shapes at twice the batch show whether that was all.
 */
import { dataError, GraftError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { dataflow } from "../graph/dataflow.ts";
import { freeBatch } from "../graph/free-batch.ts";
import type { Graph, Model } from "../graph/model.ts";
import type { Shapes } from "../graph/multiply-adds.ts";
import { elementCount } from "../graph/tensor.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";

/** A network for batches of any size, with what was done to it, if anything. */
export interface AnyBatch {
  readonly graph: Graph;
  readonly change?: string;
}

/**
 * The same network for batches of any size.
 *
 * @param dims of its one input, at the batch size that `shapes` is of
 * @param isOpen whether the file says that it takes any
 * @throws GraftError (`data`) where it takes pictures only in batches of the exported size
 */
export async function anyBatch(
  model: Model,
  cut: string,
  dims: readonly number[],
  shapes: Shapes,
  isOpen: boolean,
  source: string,
): Promise<AnyBatch> {
  const until = (graph: Graph): Graph => cutGraph(graph, [{ name: cut, type: "float32" }]);
  const [batch = 1] = dims;
  if (isOpen && (await grows(until(model.graph)))) return { graph: model.graph };
  const graph = freeBatch(model.graph, shapes);
  if (await grows(until(graph))) {
    const was = isOpen ? "although its input is open" : `of ${batch}`;
    return { graph, change: `It was exported for batches ${was}; it was rewritten to take any number of pictures.` };
  }
  throw dataError(
    `${source} takes pictures in batches of ${batch} only, and could not be rewritten: export it again with a dynamic batch axis.`,
  );

  /** Whether twice the pictures make twice of every value on the way to the cut. */
  async function grows(part: Graph): Promise<boolean> {
    const doubled = [2 * batch, ...dims.slice(1)];
    const larger = await measureShapes({ ...model, graph: part }, { [part.inputs[0]!.name]: doubled }).catch(onlyGraft);
    if (!larger) return false;
    const flow = dataflow(part);
    return flow.nodes
      .flatMap(({ outputs }) => outputs.filter((name) => flow.dependence(name) === "values" && shapes.has(name)))
      .every((name) => elementCount(larger.get(name)?.dims ?? []) === 2 * elementCount(shapes.get(name)!.dims));
  }
}

/** ONNX Runtime's refusal of a shape is the answer that was asked for; anything else is a defect. */
function onlyGraft(error: unknown): undefined {
  if (error instanceof GraftError) return undefined;
  throw error;
}
