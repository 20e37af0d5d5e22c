/**
 * Training steps whose weights and optimizer state stay in the memory of a graphics card from step to step: each run's outputs are
 * the next run's inputs. Only the batch goes there and only the loss comes back.
 */
import type { StepGraph } from "../../src/autodiff/training-step.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import type { Graph, Model } from "../../src/onnx/model.ts";
import type { ort, RuntimeEngine as Runtime, RuntimeTensor } from "../../src/onnx/session/session.ts";
import { freshlyHeld, type Weights } from "../../src/train/finetune/step-runner.ts";

export interface KeptSteps {
  /** Takes one step; returns its loss. `number` counts from 1. */
  run(
    batch: Readonly<Record<string, RuntimeTensor | ort.Tensor>>,
    learningRate: number,
    number: number,
  ): Promise<number>;
  close(): Promise<void>;
}

export interface KeptOptions {
  /** Whose operator sets the step is written in. */
  readonly of: Model;
  readonly step: StepGraph;
  /** The step's graph, rewritten or as it is. */
  readonly graph: Graph;
  readonly own: Weights;
  /** Where ONNX Runtime's profile goes. */
  readonly profile?: string;
}

/** Opens a session for steps on the card. */
export async function keptSteps({ ort, providers }: Runtime, options: KeptOptions): Promise<KeptSteps> {
  const { of, step, graph, own, profile } = options;
  const slots = [...step.weights, ...step.state, ...step.carried];
  const settings: ort.InferenceSession.SessionOptions = {
    ...(providers ? { executionProviders: [...providers] } : {}),
    preferredOutputLocation: Object.fromEntries(slots.map(({ output }) => [output, "gpu-buffer"])),
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
  };
  const session = await ort.InferenceSession.create(encodeModelWhole({ ...of, graph }), settings);
  const wanted = [step.loss, ...slots.map(({ output }) => output)];
  const isRead = new Set(session.inputNames);
  const tensorOf = (given: RuntimeTensor | ort.Tensor): ort.Tensor =>
    given instanceof ort.Tensor ? given : uploaded(given as RuntimeTensor);
  const uploaded = ({ data, dims, type }: RuntimeTensor): ort.Tensor =>
    type === "float16"
      ? new ort.Tensor("float16", data as Uint16Array, dims)
      : data instanceof Uint8Array
        ? new ort.Tensor("uint8", data, dims)
        : new ort.Tensor("float32", data as Float32Array, dims);
  const begin = freshlyHeld(step, own);
  let held = new Map(slots.map(({ input, dims }) => [input, new ort.Tensor("float32", begin.get(input)!, dims)]));
  return {
    async run(batch, learningRate, number) {
      const fed = [
        ...Object.entries(batch).map(([name, tensor]) => [name, tensorOf(tensor)] as const),
        ["learningRate", new ort.Tensor("float32", [learningRate], [])] as const,
        ["step", new ort.Tensor("float32", [number], [])] as const,
        ...held,
      ].filter(([name]) => isRead.has(name));
      const result = await session.run(Object.fromEntries(fed), wanted);
      const last = held;
      held = new Map(slots.map(({ input, output }) => [input, result[output]! as ort.TypedTensor<"float32">]));
      for (const tensor of last.values()) tensor.dispose();
      return Number(result[step.loss]!.data[0]);
    },
    async close() {
      if (profile !== undefined) session.endProfiling();
      for (const tensor of held.values()) tensor.dispose();
      await session.release();
    },
  };
}
