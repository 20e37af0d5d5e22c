/**
 * The gradient of one class's logit towards tensors of a network, as a session: what every explanation by gradients is made of. The
 * differentiation is autodiff's; here a network gets an end that picks a class, and nothing is known of pictures.
 */
import { gradients } from "../autodiff/gradients.ts";
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { type Model, node } from "../graph/model.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";
import { openModel } from "../runtime/open-model.ts";

/** A network as explanations take it. */
export interface Explained {
  /** From {@link Explained.input} on: float32, prepared pixels. */
  readonly model: Model;
  readonly input: string;
  /** The shape of one picture in `input`, without the batch. */
  readonly inputDims: readonly number[];
  /** The tensor of the logits, `[N, C]`. */
  readonly logits: string;
}

/** What a run yields of each tensor asked for: its values and the gradient of the picked logits' sum towards them, both in `dims`. */
export interface Slope {
  readonly dims: readonly number[];
  readonly values: Float32Array;
  readonly gradient: Float32Array;
}

export interface GradientSession {
  readonly classes: number;
  /**
   * Runs forward and back.
   *
   * @param pixels `[batch, …inputDims]`
   * @param label the class whose logit is differentiated, for every picture of the batch
   */
  run(pixels: Float32Array, label: number): Promise<{ readonly logits: Float32Array; readonly slope: Slope }>;
  close(): Promise<void>;
}

const CHOICE = "explain/choice";
const SCORE = "explain/score";

/**
 * Prepares the gradient towards one tensor.
 *
 * @param towards a tensor of the network that the logits depend on; the input itself may be it
 * @throws GraftError (`data`) where an operator between it and the logits has no gradient rule
 */
export async function openGradient(
  { model, input, inputDims, logits }: Explained,
  towards: string,
  batch = 1,
): Promise<GradientSession> {
  const dims = [batch, ...inputDims];
  const cut = cutGraph(model.graph, [{ name: logits }]);
  const network = { ...cut, inputs: cut.inputs.map((value) => ({ ...value, dims })) };
  const shapes = new Map(await measureShapes({ ...model, graph: network }, { [input]: dims }));
  const [rows, classes] = shapes.get(logits)?.dims ?? [];
  const at = shapes.get(towards);
  if (rows !== batch || classes === undefined || !at)
    throw dataError(
      `The network's logits "${logits}" or its tensor "${towards}" have no shape [N, …]: it cannot be explained.`,
    );
  const scored = {
    ...network,
    nodes: [
      ...network.nodes,
      node("Mul", [logits, CHOICE], ["explain/picked"]),
      node("ReduceSum", ["explain/picked"], [SCORE], { keepdims: 0 }),
    ],
    inputs: [...network.inputs, { name: CHOICE, type: "float32" as const, dims: [1, classes] }],
    outputs: [],
  };
  shapes.set(CHOICE, { type: "float32", dims: [1, classes] });
  shapes.set("explain/picked", { type: "float32", dims: [batch, classes] });
  shapes.set(SCORE, { type: "float32", dims: [] });
  const { graph, gradientOf } = gradients(scored, shapes, SCORE, [towards]);
  const gradient = gradientOf.get(towards)!;
  // An input is what was fed and cannot be an output as well.
  const isInput = towards === input;
  const outputs = [logits, gradient, ...(isInput ? [] : [towards])].map((name) => ({ name }));
  const session = await openModel({ ...model, metadata: new Map(), graph: { ...graph, outputs } });
  return {
    classes,
    async run(pixels, label) {
      const choice = new Float32Array(classes);
      choice[label] = 1;
      const result = await session.run({
        [input]: { dims, data: pixels },
        [CHOICE]: { dims: [1, classes], data: choice },
      });
      const values = isInput ? pixels : (result[towards]!.data as Float32Array);
      return {
        logits: result[logits]!.data as Float32Array,
        slope: { dims: at.dims, values, gradient: result[gradient]!.data as Float32Array },
      };
    },
    close: () => session.close(),
  };
}
