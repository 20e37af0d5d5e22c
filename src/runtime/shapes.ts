/**
 * The type and shape of every tensor of a graph, as ONNX Runtime's own shape inference finds them: nothing is run, and
 * weights are only declared, so that it takes milliseconds and no memory however large the network.
 */
import { dataError } from "../base/errors.ts";
import type { Model, Node, Value } from "../graph/model.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import type { Tensor, TensorType } from "../graph/tensor.ts";
import { openSession } from "./session.ts";

/** What is known of a tensor before anything runs. */
export interface TensorShape {
  readonly type: TensorType;
  readonly dims: readonly number[];
}

/** Floating-point constants of this many elements or more are declared without their values: no shape depends on them. */
const WEIGHT_ELEMENTS = 64;

const isWeight = ({ type, bytes }: Tensor): boolean => type === "float32" && bytes.length >= 4 * WEIGHT_ELEMENTS;

/**
 * Infers the shape of every tensor of a model's graph: inputs, weights, and what each node yields.
 *
 * @param inputs the shape of each graph input that is not wholly declared, by name; `[1, 3, 224, 224]` for a picture
 * @throws GraftError (`data`) where ONNX Runtime refuses the model, or where a shape depends on values at run time
 */
export async function inferShapes(
  model: Model,
  inputs: Readonly<Record<string, readonly number[]>> = {},
): Promise<ReadonlyMap<string, TensorShape>> {
  const { graph } = model;
  const weights = [...graph.initializers].filter(([, tensor]) => isWeight(tensor));
  const declared: Value[] = graph.inputs.map((value) => ({ ...value, dims: inputs[value.name] ?? value.dims ?? [] }));
  const yielded = graph.nodes.flatMap(({ outputs }: Node) => outputs.filter((name) => name !== ""));
  const session = await openSession(
    encodeModelWhole({
      ...model,
      graph: {
        ...graph,
        inputs: [...declared, ...weights.map(([name, { type, dims }]) => ({ name, type, dims }))],
        outputs: yielded.map((name) => ({ name })),
        initializers: new Map([...graph.initializers].filter(([, tensor]) => !isWeight(tensor))),
      },
    }),
    { optimise: false },
  );
  try {
    const shapes = new Map<string, TensorShape>();
    for (const [name, { type, dims }] of graph.initializers) shapes.set(name, { type, dims });
    for (const name of [...declared.map((value) => value.name), ...yielded]) shapes.set(name, known(name));
    return shapes;
  } finally {
    await session.close();
  }

  function known(name: string): TensorShape {
    const found = session.declared(name);
    const dims = found?.dims.filter((dim) => typeof dim === "number" && dim >= 0) as number[] | undefined;
    if (!found || dims?.length !== found.dims.length)
      throw dataError(`The shape of tensor "${name}" [${found?.dims ?? "?"}] is only known when the network runs.`);
    return { type: found.type, dims };
  }
}
