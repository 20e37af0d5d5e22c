/**
 * Finds the shape of every tensor, including those that shape inference cannot find because an exporter wrote shapes as
 * computations: measures these by running the network once on zeros.
 */
import { dataError, messageOf } from "../base/errors.ts";
import type { Model } from "../graph/model.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import { elementCount, type TensorShape } from "../graph/tensor.ts";
import { openSession } from "./session.ts";
import { type InputShapes, inferKnownShapes } from "./shapes.ts";

/** The largest input, in elements: an image of 8192 × 8192 pixels. */
const MAX_INPUT = 3 * 8192 ** 2;

/**
 * Finds the type and shape of every tensor of a model whose inputs are float32.
 *
 * @param inputs the shape of every graph input
 * @throws GraftError (`data`) if ONNX Runtime does not accept the model or cannot run it on inputs of these shapes
 */
export async function measureShapes(model: Model, inputs: InputShapes): Promise<ReadonlyMap<string, TensorShape>> {
  const { shapes, unknown } = await inferKnownShapes(model, inputs);
  if (unknown.length === 0) return shapes;
  const wanted = unknown.map(({ name }) => name);
  const session = await openSession(
    encodeModelWhole({ ...model, graph: { ...model.graph, outputs: wanted.map((name) => ({ name })) } }),
    { optimise: false, silent: true },
  );
  try {
    const zeros = Object.entries(inputs).map(([name, dims]) => {
      const size = elementCount(dims);
      if (size > MAX_INPUT)
        throw dataError(`An input of [${dims}] is larger than the largest image that Graft accepts.`);
      return [name, { dims, data: new Float32Array(size) }] as const;
    });
    const result = await session.run(Object.fromEntries(zeros), wanted).catch((error: unknown) => {
      const reason = messageOf(error).split("\n")[0] ?? "";
      throw dataError(`ONNX Runtime cannot run the network on an input of ${describe(inputs)}: ${reason}`, error);
    });
    // Sequences and the like have no shape.
    const measured = wanted.flatMap((name) => {
      const declared = session.declared(name);
      return declared ? [[name, { type: declared.type, dims: result[name]!.dims }] as const] : [];
    });
    return new Map([...shapes, ...measured]);
  } finally {
    await session.close();
  }
}

const describe = (inputs: InputShapes): string =>
  Object.values(inputs)
    .map((dims) => `[${dims}]`)
    .join(", ");
