/**
 * Makes a network accept batches of any size, computing the same for each image as it would alone. A network that was exported for
 * one batch size is rewritten; the shapes at twice the batch size show whether that worked.
 */
import { dataError, GraftError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { dataflow } from "../graph/dataflow.ts";
import { freeBatch } from "../graph/free-batch.ts";
import type { Graph, Model } from "../graph/model.ts";
import type { Shapes } from "../graph/multiply-adds.ts";
import { elementCount } from "../graph/tensor.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";

/** A network for batches of any size. */
export interface AnyBatch {
  readonly graph: Graph;
  /** What was changed, as a sentence; absent if nothing was. */
  readonly change?: string | undefined;
}

/**
 * The same network for batches of any size.
 *
 * @param dims of its only input, at the batch size that `shapes` belongs to
 * @param isOpen whether the file declares an open batch dimension
 * @throws GraftError (`data`) if the network works only at the batch size that it was exported for
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
    const was = isOpen ? "for one batch size, although its input is open" : `for batches of ${batch}`;
    return { graph, change: `It was exported ${was}, and was rewritten for batches of any size.` };
  }
  throw dataError(
    `${source} works only with batches of ${batch} and could not be rewritten: export it again with a dynamic batch axis.`,
  );

  /** Whether doubling the batch doubles one axis of every tensor that depends on the images, up to the cut. */
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

/** Whether one axis has doubled and the others are unchanged; empty tensors stay empty. */
function doubles(once: readonly number[] = [], twice: readonly number[] = []): boolean {
  if (elementCount(once) === 0) return elementCount(twice) === 0;
  const changed = once.filter((size, i) => size !== twice[i]);
  return once.length === twice.length && changed.length === 1 && elementCount(twice) === 2 * elementCount(once);
}

/** Expected: ONNX Runtime refuses a shape. Any other error is a defect. */
function onlyGraft(error: unknown): undefined {
  if (error instanceof GraftError) return undefined;
  throw error;
}
