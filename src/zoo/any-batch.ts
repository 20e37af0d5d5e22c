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
  readonly change?: string | undefined;
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
  const batchAtCut = shapes.get(cut)?.dims[0] ?? 0;
  if (isOpen && (await grows(until(model.graph)))) return { graph: model.graph };
  const graph = freeBatch(model.graph, shapes);
  if (await grows(until(graph))) {
    const was = isOpen ? "although its input is open" : `of ${batch}`;
    return { graph, change: `It was exported for batches ${was}; it was rewritten to take any number of pictures.` };
  }
  throw dataError(
    `${source} takes pictures in batches of ${batch} only, and could not be rewritten: export it again with a dynamic batch axis.`,
  );

  /** Whether twice the pictures make twice of every tensor on the way to the cut, and of nothing else. */
  async function grows(part: Graph): Promise<boolean> {
    const doubled = [2 * batch, ...dims.slice(1)];
    const larger = await measureShapes({ ...model, graph: part }, { [part.inputs[0]!.name]: doubled }).catch(onlyGraft);
    if (!larger) return false;
    const flow = dataflow(part);
    const carrying = flow.nodes.flatMap(({ outputs }) => outputs.filter((name) => flow.dependence(name) === "values"));
    const isDoubled = (name: string): boolean => doubles(shapes.get(name)?.dims, larger.get(name)?.dims);
    return carrying.filter((name) => shapes.has(name)).every(isDoubled) && larger.get(cut)?.dims[0] === 2 * batchAtCut;
  }
}

/** Whether one axis is twice as long and the others are as they were; where there is nothing, nothing need grow. */
function doubles(once: readonly number[] = [], twice: readonly number[] = []): boolean {
  if (elementCount(once) === 0) return elementCount(twice) === 0;
  const changed = once.filter((size, i) => size !== twice[i]);
  return once.length === twice.length && changed.length === 1 && elementCount(twice) === 2 * elementCount(once);
}

/** ONNX Runtime's refusal of a shape is the answer that was asked for; anything else is a defect. */
function onlyGraft(error: unknown): undefined {
  if (error instanceof GraftError) return undefined;
  throw error;
}
