/**
 * Several training steps as one graph: a step (step.ts) inside a `Loop`, so that weights and optimiser state stay with ONNX
 * Runtime between steps and are handed over once for all of them. Its bindings copy what a run yields, which for a step of
 * ResNet50's last stage is 180 MB and a tenth of its time.
 */
import { cutGraph } from "../graph/cut.ts";
import { type Graph, node, type Value } from "../graph/model.ts";
import { rawTensor } from "../graph/tensor.ts";
import type { StepGraph } from "./step.ts";

/** Names of the repeated graph's own tensors start with this. */
const OUTER = "steps/";
/** Inputs: the learning rate of each step, and its number, counted from 1; `[K]`. */
export const RATES = `${OUTER}learningRate`;
export const NUMBERS = `${OUTER}step`;
/** Outputs: the loss of each step, and its gradients' norm; `[K]`. */
export const LOSSES = `${OUTER}loss`;
export const NORMS = `${OUTER}gradientNorm`;
/** What an input of the step is called that holds a batch for each step: `[K, N, …]`. */
export const stacked = (batchInput: string): string => OUTER + batchInput;
/** What a slot's value after the last step is called. */
export const after = (slotOutput: string): string => OUTER + slotOutput;

/**
 * A graph that takes K steps, one for each learning rate that it is fed with.
 *
 * Inputs: {@link stacked} batches, {@link RATES}, {@link NUMBERS}, and all slots by their own names. Outputs: {@link LOSSES},
 * {@link NORMS}, and {@link after} of all slots.
 */
export function repeatedStep({ graph, batch, weights, state, carried, loss, gradientNorm }: StepGraph): Graph {
  const slots = [...weights, ...state, ...carried];
  const type = weights[0]?.type ?? "float32";
  const perStep = [
    ...batch.map(({ name }) => [stacked(name), name] as const),
    [RATES, "learningRate"] as const,
    [NUMBERS, "step"] as const,
  ];
  const [iteration, goesOn] = ["loop/iteration", "loop/goesOn"];
  const values = slots.map((slot): Value => ({ name: slot.input, type: slot.type, dims: slot.dims }));
  const wanted: Value[] = [
    { name: "loop/stillGoesOn", type: "bool", dims: [] },
    ...slots.map((slot) => ({ name: slot.output, type: slot.type, dims: slot.dims })),
    { name: loss, type, dims: [] },
    { name: gradientNorm, type, dims: [] },
  ];
  const read = new Set(graph.inputs.map(({ name }) => name));
  const body: Graph = {
    ...graph,
    name: `${graph.name}/once`,
    inputs: [{ name: iteration, type: "int64", dims: [] }, { name: goesOn, type: "bool", dims: [] }, ...values],
    nodes: [
      node("Identity", [goesOn], ["loop/stillGoesOn"]),
      ...perStep.filter(([, one]) => read.has(one)).map(([all, one]) => node("Gather", [all, iteration], [one])),
      ...graph.nodes,
    ],
    outputs: wanted,
  };
  const outputs: Value[] = [
    ...slots.map((slot) => ({ name: after(slot.output), type: slot.type, dims: slot.dims })),
    { name: LOSSES, type, dims: ["K"] },
    { name: NORMS, type, dims: ["K"] },
  ];
  const [count, always] = [`${OUTER}count`, `${OUTER}always`];
  const loop = node(
    "Loop",
    [count, always, ...slots.map(({ input }) => input)],
    outputs.map(({ name }) => name),
    { body: { type: "graph", value: body } },
  );
  const whole: Graph = {
    name: `${graph.name}/steps`,
    nodes: [node("Size", [RATES], [count]), loop],
    inputs: [
      ...batch.map((value) => ({ ...value, name: stacked(value.name), dims: ["K", ...(value.dims ?? [])] })),
      { name: RATES, type, dims: ["K"] },
      { name: NUMBERS, type, dims: ["K"] },
      ...values,
    ],
    outputs: [],
    initializers: new Map([[always, rawTensor("bool", [], Uint8Array.of(1))]]),
  };
  return cutGraph(whole, outputs);
}
