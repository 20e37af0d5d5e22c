/** What came out of a training: its weights put back into the network and its head, and in words why it ended. */
import type { Head } from "../../artifact/contract.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import { BACKBONE } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import type { Engine } from "./engine.ts";
import type { Choice } from "./judgement.ts";
import type { Weights } from "./step-runner.ts";
import type { Stop } from "./trainer.ts";

/** The head among the weights of a tail. */
export const headIn = (weights: Weights): Head => ({
  weights: weights.get("head/weight")!,
  bias: weights.get("head/bias")!,
});

/** The network's own name of a backbone's tensor. */
export const ownName = (name: string): string | undefined =>
  name.startsWith(BACKBONE) ? name.slice(BACKBONE.length) : undefined;

/** The network with other values for some of its parameters. */
export function withWeights(network: Network, weights: Weights, ofNetwork: Engine["ofNetwork"]): Network {
  const { graph } = network.model;
  const initializers = new Map(graph.initializers);
  for (const [name, values] of weights) {
    const own = ownName(name);
    if (own !== undefined)
      initializers.set(own, float32Tensor(graph.initializers.get(own)!.dims, ofNetwork(name, values)));
  }
  return { ...network, model: { ...network.model, graph: { ...graph, initializers } } };
}

/** Why training ended early, with the remedy where there is something to mend. */
export function stopText(stop: Stop, bestEpoch: number): string {
  const kept = bestEpoch === 0 ? "What it began with is kept" : `The weights of epoch ${bestEpoch} are kept`;
  if (stop.kind === "patience") return `${kept}: ${stop.epoch - bestEpoch} epochs brought nothing better.`;
  if (stop.kind === "enough") return `${kept}: there was no time for more than ${stop.epoch} epochs.`;
  const what = stop.kind === "not-finite" ? "stopped being a number" : `rose to ${stop.loss.toPrecision(3)}`;
  return `The loss ${what} in epoch ${stop.epoch} at a learning rate of ${stop.learningRate.toPrecision(2)}. ${kept}: try --learning-rate ${(stop.learningRate / 10).toPrecision(1)}, or --find-lr.`;
}

/** What is kept and why, in a sentence: the JSON's `why`. */
export function whyText(isTuned: boolean, choice: Choice | undefined): string {
  if (!choice) return "The linear probe is kept: training failed in its first epoch.";
  const { gain, standardError, examples, folds } = choice;
  const images = folds > 1 ? `${examples} images held out in ${folds} trainings` : `${examples} validation images`;
  const lower = `${Math.abs(gain).toFixed(3)} lower than the linear probe's (standard error ${standardError.toFixed(3)})`;
  if (isTuned) return `The fine-tuned network is kept: on ${images} its log loss is ${lower}.`;
  const found =
    gain > 0 ? `${lower}, which is no more than chance` : `${Math.abs(gain).toFixed(3)} higher than the linear probe's`;
  return `The linear probe is kept: on ${images} the fine-tuned network's log loss is ${found}.`;
}
