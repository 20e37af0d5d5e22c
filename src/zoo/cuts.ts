/**
 * The candidates for a backbone's cut. The last layers of a pretrained network serve the classes that it was trained on; for other
 * classes, a cut some blocks earlier is often better. Cross-validation chooses among the candidates elsewhere.
 */
import { GraftError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import type { TensorShape } from "../graph/tensor.ts";
import { type Cut, cutShape, shapesOf } from "./backbone.ts";
import type { Network } from "./network.ts";
import { stagesOf } from "./stages.ts";

/** How many stages before the cut's own end in a candidate, if neither the catalogue nor the caller lists candidates. */
const STAGES_BEFORE = 2;

/**
 * Measures a network's cut and the other candidates: those in {@link Network.cuts}, otherwise the ends of the two stages before the one
 * of the cut, if Graft can pool them.
 *
 * @throws GraftError (`usage`) if the network's cut is not a tensor of it; (`data`) if its values are not features
 */
export async function measureCuts(network: Network): Promise<{ readonly own: Cut; readonly others: readonly Cut[] }> {
  const { model, cut, cuts } = network;
  // Throws if there is no such tensor, before anything is measured.
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
    // A stage may end in a tensor whose axes are unknown; that is not a candidate.
    if (error instanceof GraftError && network.cuts === undefined) return undefined;
    throw error;
  }
}

/** Whether a tensor is computed on the way to the network's cut, so that reading it costs only its pooling. */
export function isOnTheWay({ model, cut }: Network, tensor: string): boolean {
  const { nodes } = cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  return nodes.some(({ outputs }) => outputs.includes(tensor));
}
