/** Training a small network from nothing within a number of seconds, and asking it. Which pictures, and how often, is the caller's matter. */
import { cosineRate } from "../../../autodiff/optimisers/schedule.ts";
import { randomFor } from "../../../base/random.ts";
import { modelOf } from "../../../graph/model.ts";
import { encodeModelWhole } from "../../../graph/onnx/write.ts";
import { asFloat32, elementCount, float32Tensor } from "../../../graph/tensor.ts";
import { openSession, type RuntimeTensor } from "../../../runtime/session.ts";
import { type Fresh, IMAGE, LOGITS } from "./network.ts";
import { asBatch, type Pixels } from "./pixels.ts";

export interface ScratchOptions {
  readonly batch: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** At most so many rounds over all pictures… */
  readonly epochs: number;
  /** …and about so many seconds: the schedule is shortened to fit. */
  readonly seconds: number;
  readonly seed: number;
  readonly onStep?: ((done: number, steps: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ScratchTrained {
  /** `[N, C]` logits of pictures, each by its first view. */
  answer(pixels: Pixels): Promise<Float32Array>;
  /** Rounds over all pictures that were made. */
  readonly epochs: number;
  readonly seconds: number;
  /** Mean loss of the last tenth of the steps; not a number where training exploded. */
  readonly loss: number;
}

type Held = Record<string, RuntimeTensor>;

/** Steps that are timed before the schedule is fixed, the first not counted. */
const TIMED_STEPS = 4;
const WARM_UP = 0.1;

/** Trains on `pixels`, whose classes are `labels`. */
export async function trainFromScratch(
  { model, step, side }: Fresh,
  pixels: Pixels,
  labels: ArrayLike<number>,
  { batch, learningRate, epochs, seconds, seed, onStep, signal }: ScratchOptions,
): Promise<ScratchTrained> {
  const began = performance.now();
  const slots = [...step.weights, ...step.state, ...step.carried];
  const wanted = [step.loss, ...slots.map(({ output }) => output)];
  const session = await openSession(encodeModelWhole({ ...modelOf(step.graph), opsets: model.opsets }));
  const isRead = new Set(session.inputs);
  const begin = (name: string, dims: readonly number[]): Float32Array => {
    const own = model.graph.initializers.get(name);
    return own ? asFloat32(own).slice() : new Float32Array(elementCount(dims));
  };
  let held: Held = Object.fromEntries(slots.map(({ input, dims }) => [input, { dims, data: begin(input, dims) }]));
  const most = Math.max(1, Math.ceil((epochs * pixels.length) / batch));
  let steps = most;
  const losses: number[] = [];
  let timedFrom = 0;
  try {
    for (let at = 1; at <= steps; at++) {
      signal?.throwIfAborted();
      const rate = cosineRate(at, { peak: learningRate, steps, warmUp: Math.ceil(steps * WARM_UP) });
      const fed: Held = {
        ...held,
        ...batchOf(pixels, labels, at, { batch, seed, side }),
        learningRate: { dims: [], data: Float32Array.of(rate) },
        step: { dims: [], data: Float32Array.of(at) },
      };
      const result = await session.run(
        Object.fromEntries(Object.entries(fed).filter(([name]) => isRead.has(name))),
        wanted,
      );
      held = Object.fromEntries(slots.map(({ input, output }) => [input, result[output]!]));
      losses.push(Number(result[step.loss]!.data[0]));
      onStep?.(at, steps);
      if (!Number.isFinite(losses.at(-1)!)) break;
      if (at === 1) timedFrom = performance.now();
      if (at === 1 + TIMED_STEPS) {
        const each = (performance.now() - timedFrom) / 1000 / TIMED_STEPS;
        const left = seconds - (performance.now() - began) / 1000;
        steps = Math.min(most, Math.max(at, at + Math.floor(left / each)));
      }
    }
  } finally {
    await session.close();
  }
  const last = losses.slice(-Math.ceil(losses.length / 10));
  return {
    answer: answering(model, held, side),
    epochs: (losses.length * batch) / pixels.length,
    seconds: (performance.now() - began) / 1000,
    loss: last.reduce((sum, value) => sum + value, 0) / last.length,
  };
}

/** The pictures of a step: epochs are permutations one after the other, and each shows another view. */
function batchOf(
  pixels: Pixels,
  labels: ArrayLike<number>,
  step: number,
  { batch, seed, side }: { batch: number; seed: number; side: number },
): Held {
  const count = pixels.length;
  const orders = new Map<number, readonly number[]>();
  const chosen = Array.from({ length: batch }, (_, place) => {
    const position = (step - 1) * batch + place;
    const epoch = Math.floor(position / count);
    const order = orders.get(epoch) ?? randomFor(seed, "epoch", epoch).shuffle([...pixels.keys()]);
    orders.set(epoch, order);
    return { item: order[position % count]!, epoch };
  });
  const pictures = chosen.map(({ item, epoch }) => pixels[item]![(item + epoch) % pixels[item]!.length]!);
  return {
    [IMAGE]: { dims: [batch, 3, side, side], data: asBatch(pictures, side) },
    labels: { dims: [batch], data: BigInt64Array.from(chosen, ({ item }) => BigInt(labels[item]!)) },
  };
}

/** The network with what it learned, batch norm by the running statistics. */
function answering({ graph, ...model }: Fresh["model"], held: Held, side: number): ScratchTrained["answer"] {
  const initializers = new Map(graph.initializers);
  for (const name of initializers.keys()) {
    const value = held[name];
    if (value) initializers.set(name, float32Tensor(value.dims, value.data as Float32Array));
  }
  const bytes = encodeModelWhole({ ...model, graph: { ...graph, initializers, outputs: [{ name: LOGITS }] } });
  const ROWS = 32;
  return async (pixels) => {
    const session = await openSession(bytes);
    try {
      const parts: Float32Array[] = [];
      for (let from = 0; from < pixels.length; from += ROWS) {
        const data = asBatch(
          pixels.slice(from, from + ROWS).map(([first]) => first!),
          side,
        );
        const result = await session.run(
          { [IMAGE]: { dims: [data.length / (3 * side * side), 3, side, side], data } },
          [LOGITS],
        );
        parts.push(result[LOGITS]!.data as Float32Array);
      }
      const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      return all;
    } finally {
      await session.close();
    }
  };
}
