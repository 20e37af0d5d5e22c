/**
 * The type and shape of every tensor of a graph, from ONNX Runtime's shape inference; what that cannot find is measured by one run on
 * zeros. Inference runs nothing and only declares weights, so it takes milliseconds and little memory for any network.
 */
import { dataError, isDataError, messageOf } from "../../base/errors.ts";
import { encodeModelWhole } from "../codec/write-model.ts";
import {
  type Dimension,
  elementCount,
  type Model,
  type Node,
  node,
  type Tensor,
  type TensorShape,
  type Value,
} from "../model.ts";
import { raiseOpset, tensorsToMeasure } from "../passes/raise-opset.ts";
import { openSession, type Session } from "./session.ts";

/** Floating-point constants with at least this many elements are declared without values: no shape depends on them. */
const WEIGHT_ELEMENTS = 64;

const isWeight = ({ type, bytes }: Tensor): boolean => type === "float32" && bytes.length >= 4 * WEIGHT_ELEMENTS;

/** Shapes of graph inputs that are not fully declared, by name; such as `[1, 3, 224, 224]` for an image. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/**
 * Infers the shape of every tensor of a model's graph: inputs, weights, and the outputs of each node.
 *
 * @throws GraftError (`data`) if ONNX Runtime does not accept the model, or if a shape depends on values at run time
 */
export async function inferShapes(model: Model, inputs: InputShapes = {}): Promise<ReadonlyMap<string, TensorShape>> {
  const { shapes, unknown } = await inferKnownShapes(model, inputs);
  const [first] = unknown;
  if (first)
    throw dataError(`The shape of tensor "${first.name}" [${first.dims}] is only known when the network runs.`);
  return shapes;
}

/**
 * Infers the shapes that can be known before anything runs.
 *
 * @returns the known shapes, and the other tensors with the known part of their dimensions
 * @throws GraftError (`data`) if ONNX Runtime does not accept the model
 */
export async function inferKnownShapes(
  model: Model,
  inputs: InputShapes = {},
): Promise<{
  readonly shapes: ReadonlyMap<string, TensorShape>;
  readonly unknown: readonly { readonly name: string; readonly dims: string }[];
}> {
  const { graph } = model;
  const names = [...graph.inputs.map(({ name }) => name), ...graph.nodes.flatMap(({ outputs }) => outputs)];
  const declared = await declaredShapes(
    model,
    inputs,
    graph.nodes,
    names.filter((name) => name !== ""),
  );
  // A scalar and a tensor of unknown rank look the same; a Shape node after each distinguishes them.
  const maybeScalars = [...declared].filter(([, value]) => value?.dims.length === 0).map(([name]) => name);
  const shapeOf = (name: string): string => `${name}/shape of`;
  const ranks = await declaredShapes(
    model,
    inputs,
    [...graph.nodes, ...maybeScalars.map((name) => node("Shape", [name], [shapeOf(name)]))],
    maybeScalars.map(shapeOf),
  );
  const shapes = new Map<string, TensorShape>();
  const unknown: { name: string; dims: string }[] = [];
  for (const [name, { type, dims }] of graph.initializers) shapes.set(name, { type, dims });
  for (const [name, value] of declared) {
    const dims = value?.dims.filter((dim) => typeof dim === "number" && dim >= 0) as number[] | undefined;
    const isRankKnown = !ranks.has(shapeOf(name)) || ranks.get(shapeOf(name))?.dims[0] === 0;
    if (value && dims?.length === value.dims.length && isRankKnown) shapes.set(name, { type: value.type, dims });
    else unknown.push({ name, dims: isRankKnown ? String(value?.dims ?? "?") : "?" });
  }
  return { shapes, unknown };
}

/**
 * Infers the dimensions of some tensors of a graph whose inputs may stay free: sizes, symbols, and undefined where unknown. Tensors
 * whose rank is unknown are absent, and so are all of a model that ONNX Runtime does not accept.
 */
export async function inferDims(
  model: Model,
  names: readonly string[],
): Promise<ReadonlyMap<string, readonly Dimension[]>> {
  // Declared without dimensions, an input would count as a scalar.
  if (names.length === 0 || model.graph.inputs.some(({ dims }) => !dims)) return new Map();
  const wanted = [...new Set(names)];
  const shapeOf = (name: string): string => `${name}/shape of`;
  const nodes = [...model.graph.nodes, ...wanted.map((name) => node("Shape", [name], [shapeOf(name)]))];
  try {
    const declared = await declaredShapes(model, {}, nodes, [...wanted, ...wanted.map(shapeOf)]);
    return new Map(
      wanted.flatMap((name) => {
        const dims = declared.get(name)?.dims.map((dim) => (dim === -1 || dim === "" ? undefined : dim));
        const rank = declared.get(shapeOf(name))?.dims[0];
        return dims && dims.length === rank ? [[name, dims] as const] : [];
      }),
    );
  } catch (error) {
    if (isDataError(error)) return new Map();
    throw error;
  }
}

/** The same network in operator set {@link GRAFT_OPSET} or later, as {@link raiseOpset} with the dimensions that it can use. */
export async function raiseModel(model: Model): Promise<Model> {
  return raiseOpset(model, await inferDims(model, tensorsToMeasure(model)));
}

type Declared = ReturnType<Session["declared"]>;

/** What ONNX Runtime infers about the tensors `names`, which are inputs or outputs of `nodes`. */
async function declaredShapes(
  { graph, ...model }: Model,
  inputs: InputShapes,
  nodes: readonly Node[],
  names: readonly string[],
): Promise<ReadonlyMap<string, Declared>> {
  if (names.length === 0) return new Map();
  const weights = [...graph.initializers].filter(([, tensor]) => isWeight(tensor));
  const given: Value[] = graph.inputs.map((value) => ({ ...value, dims: inputs[value.name] ?? value.dims ?? [] }));
  const isGiven = new Set(given.map(({ name }) => name));
  const session = await openSession(
    encodeModelWhole({
      ...model,
      graph: {
        ...graph,
        nodes,
        inputs: [...given, ...weights.map(([name, { type, dims }]) => ({ name, type, dims }))],
        outputs: names.filter((name) => !isGiven.has(name)).map((name) => ({ name })),
        initializers: new Map([...graph.initializers].filter(([, tensor]) => !isWeight(tensor))),
      },
    }),
    { optimise: false, silent: true },
  );
  try {
    return new Map(names.map((name) => [name, session.declared(name)]));
  } finally {
    await session.close();
  }
}

// Measured shapes, for exporters that wrote shapes as computations, which shape inference cannot follow.

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
