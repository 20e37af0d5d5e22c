/**
 * How much memory a training step will take, before it takes it: from the shapes of its tensors and when each is last read.
 * An estimate, compared with what the machine (or the container) has to spare.
 */
import type { StepGraph } from "../../autodiff/step.ts";
import { dataError } from "../../base/errors.ts";
import type { Graph } from "../../graph/model.ts";
import { bytesPerElement, elementCount, type TensorShape } from "../../graph/tensor.ts";

type Shapes = ReadonlyMap<string, TensorShape>;

/**
 * What ONNX Runtime takes for what is alive at once: it frees in other places than the last reader, rounds up, packs weights
 * again and keeps scratch space. Measured as the growth of a process's resident memory over {@link peakBytes}: 1.1 to 1.5
 * for MobileNetV2 and ResNet50, one stage or all trained.
 */
const OVERHEAD = 1.5;

/** Bytes of activations and gradients that are alive at the same time, at most, when nodes run in the graph's order. */
export function peakBytes({ nodes, inputs, outputs, initializers }: Graph, shapes: Shapes): number {
  const sizeOf = (name: string): number => {
    const shape = shapes.get(name);
    return shape ? elementCount(shape.dims) * bytesPerElement[shape.type] : 0;
  };
  const lasting = new Set([...inputs, ...outputs].map(({ name }) => name).concat([...initializers.keys()]));
  const lastRead = new Map<string, number>();
  nodes.forEach((node, at) => {
    for (const input of node.inputs) lastRead.set(input, at);
  });
  const ending = new Map<number, string[]>();
  for (const [name, at] of lastRead) ending.set(at, [...(ending.get(at) ?? []), name]);
  let [live, peak] = [0, 0];
  nodes.forEach((node, at) => {
    for (const output of node.outputs) if (!lasting.has(output)) live += sizeOf(output);
    peak = Math.max(peak, live);
    for (const name of ending.get(at) ?? []) if (!lasting.has(name)) live -= sizeOf(name);
    for (const output of node.outputs) if (!lasting.has(output) && !lastRead.has(output)) live -= sizeOf(output);
  });
  return peak;
}

const slotBytes = (slots: readonly { readonly dims: readonly number[] }[]): number =>
  slots.reduce((sum, { dims }) => sum + 4 * elementCount(dims), 0);

/**
 * From this share of what is alive within a step on, handing its weights and state over takes a noticeable part of its time:
 * a tenth for ResNet50's last stage (1.2), a thirtieth for all of it (0.2).
 */
const NOTICEABLE = 0.5;

/** Whether several steps are worth one run (autodiff/repeat.ts), which keeps weights and state in memory once more. */
export const isWorthRepeating = ({ graph, weights, state }: StepGraph, shapes: Shapes): boolean =>
  slotBytes([...weights, ...state]) > NOTICEABLE * peakBytes(graph, shapes);

/** Bytes that a training takes beyond what the process has already. */
export function stepBytes(step: StepGraph, shapes: Shapes): number {
  const { graph, weights, state } = step;
  const slots = slotBytes(weights) + slotBytes(state);
  const constants = [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  // In and out of a step at the same time, and beside them the average as it was, as it will be, and as it was best.
  const held = (isWorthRepeating(step, shapes) ? 3 : 2) * slots + 3 * slotBytes(weights);
  return OVERHEAD * peakBytes(graph, shapes) + constants + held;
}

/** Bytes as a person reads them. */
export const inGigabytes = (bytes: number): string =>
  bytes < 0.95e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * Refuses a training that would not fit.
 *
 * @param batch that it was reckoned with
 * @throws GraftError (`data`) with what is needed, what there is, and the flag to change
 */
export function checkMemory(needed: number, available: number, batch: number): void {
  if (needed <= available) return;
  const fitting = Math.floor((batch * available) / needed);
  const remedy =
    fitting >= 1
      ? `give --batch ${fitting}, or unfreeze fewer stages`
      : "unfreeze fewer stages, or take a smaller network";
  throw dataError(
    `Fine-tuning in batches of ${batch} would take about ${inGigabytes(needed)} of memory, and ${inGigabytes(available)} are free: ${remedy}.`,
  );
}
