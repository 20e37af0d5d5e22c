/** A network that has learned nothing, and its training step, in which batch norm works by the batch's own statistics. */
import { crossEntropy } from "../../../autodiff/losses/cross-entropy.ts";
import { adamW } from "../../../autodiff/optimisers/adamw.ts";
import { type StepGraph, stepGraph } from "../../../autodiff/step.ts";
import type { Random } from "../../../base/random.ts";
import type { Model } from "../../../graph/model.ts";
import { measureShapes } from "../../../runtime/measure-shapes.ts";
import { freshWeights } from "../../../zoo/architectures/initialise.ts";
import { withWeights } from "../../../zoo/architectures/weights.ts";
import { type Sized, smallResnet } from "./architecture.ts";

/** A fresh network. */
export interface Fresh {
  readonly model: Model;
  readonly step: StepGraph;
  readonly side: number;
}

/** The name of the network's input and output. */
export const IMAGE = "image";
export const LOGITS = "logits";

const LABEL_SMOOTHING = 0.1;
const WEIGHT_DECAY = 0.05;
const LONGEST_GRADIENT = 5;

/** Draws a network's weights and writes its training step for batches of `batch`. */
export async function freshNetwork(sized: Sized, classes: number, batch: number, random: Random): Promise<Fresh> {
  const { side } = sized;
  const definition = smallResnet(sized, classes);
  const model = withWeights(definition, freshWeights(definition, random));
  const carried: { name: string; next: string }[] = [];
  const nodes = model.graph.nodes.map((node) => {
    if (node.op !== "BatchNormalization") return node;
    const statistics = node.inputs.slice(3);
    const next = statistics.map((name) => `${name}/next`);
    statistics.forEach((name, i) => {
      carried.push({ name, next: next[i]! });
    });
    const attributes = { ...node.attributes, training_mode: { type: "int", value: 1 } as const };
    return { ...node, outputs: [node.outputs[0]!, ...next], attributes };
  });
  const graph = { ...model.graph, nodes };
  const shapes = await measureShapes({ ...model, graph }, { [IMAGE]: [batch, 3, side, side] });
  const trainable = [...definition.parameters]
    .filter(([, { role }]) => role !== "running")
    .map(([name, { role }]) => ({ name, decays: role === "weight" }));
  const step = stepGraph(graph, shapes, {
    prediction: LOGITS,
    loss: crossEntropy({ labelSmoothing: LABEL_SMOOTHING }),
    trainable,
    optimiser: adamW({ weightDecay: WEIGHT_DECAY }),
    longestGradient: LONGEST_GRADIENT,
    carried,
  });
  return { model, step, side };
}
