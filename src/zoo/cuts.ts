/**
 * Where else a backbone may end. The last layers of a pretrained network serve the classes that it was trained for; for others, a cut
 * some blocks before them is often better. Which one is chosen by cross-validation, elsewhere; here is what there is to choose from.
 */
import { GraftError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import type { TensorShape } from "../graph/tensor.ts";
import { type Cut, cutShape, shapesOf } from "./backbone.ts";
import type { Network } from "./network.ts";
import { stagesOf } from "./stages.ts";

/** Stages before the cut's own whose ends are candidates, where neither catalogue nor caller says which tensors are. */
const STAGES_BEFORE = 2;

/**
 * Measures a network's cut and its other candidates: those that it lists ({@link Network.cuts}), else the ends of the two stages before
 * the one that the cut is in, as far as it is known how to pool them.
 *
 * @throws GraftError (`usage`) where the network has no such tensor as its cut; (`data`) where its values are no features
 */
export async function measureCuts(network: Network): Promise<{ readonly own: Cut; readonly others: readonly Cut[] }> {
  const { model, cut, cuts } = network;
  // Only to say so where there is no such tensor, before anything is measured.
  cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  const shapes = await shapesOf(network);
  const own = { tensor: cut, shape: cutShape(network, shapes) };
  const others = (cuts ?? stageEnds(network, shapes)).flatMap((tensor) => measured(network, tensor, shapes) ?? []);
  return { own, others };
}

function stageEnds({ model, cut, stages }: Network, shapes: ReadonlyMap<string, TensorShape>): string[] {
  return stagesOf(model.graph, cut, shapes, stages)
    .slice(-1 - STAGES_BEFORE, -1)
    .map(({ output }) => output)
    .reverse();
}

function measured(network: Network, tensor: string, shapes: ReadonlyMap<string, TensorShape>): Cut | undefined {
  try {
    return { tensor, shape: cutShape({ ...network, cut: tensor }, shapes) };
  } catch (error) {
    // The end of a stage need not be a map or a sequence whose axes are known: it is no candidate then.
    if (error instanceof GraftError && network.cuts === undefined) return undefined;
    throw error;
  }
}

/** Whether a tensor is computed on the way to the network's cut, so that reading it costs its pooling and no more. */
export function isOnTheWay({ model, cut }: Network, tensor: string): boolean {
  const { nodes } = cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  return nodes.some(({ outputs }) => outputs.includes(tensor));
}
