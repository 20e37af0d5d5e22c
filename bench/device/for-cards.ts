/**
 * Rewrites of a step graph for graphics cards, as ONNX Runtime's WebGPU provider (1.30) needs it: operators that it lacks, which the
 * processor would take over with copies to and fro, and forms that leave most of a card idle. The same function of the same inputs.
 */

import { allTensors, type Shapes } from "../../src/autodiff/gradients.ts";
import type { Ref } from "../../src/autodiff/graph-builder.ts";
import { Operations, positions, product, range } from "../../src/autodiff/graph-operations.ts";
import { float32Tensor, type Graph, intAttribute, intsAttribute, type Node } from "../../src/onnx/model.ts";

/** Rows of a tile of a matrix product on the card, and columns. */
const TILE = 32;
/** With fewer tiles than this, a product leaves most of a card idle. */
const BUSY = 512;
/** Terms of a product's sums that are not worth splitting. */
const SHORT = 512;
/** A convolution whose kernel is wider than this is a gradient's: the card's programs are made for narrow ones. */
const WIDE = 16;

/** @param shapes of every tensor of the graph */
export function forCards(graph: Graph, shapes: Shapes): Graph {
  const build = new Operations(allTensors(graph));
  const ref = (name: string): Ref => ({ name, ...(shapes.get(name) ?? graph.initializers.get(name)!) });
  const producers = new Map(graph.nodes.flatMap((of) => of.outputs.map((output) => [output, of] as const)));
  const nodes: Node[] = [];
  for (const of of graph.nodes) {
    build.scope = of.name;
    const before = build.nodes.length;
    const result = rewritten(build, of, ref, producers);
    nodes.push(...build.nodes.slice(before));
    if (result === undefined) nodes.push(of);
    else
      nodes.push({
        ...of,
        name: `${of.name}/same`,
        op: "Identity",
        inputs: [result.name],
        outputs: [of.outputs[0]!],
        attributes: {},
      });
  }
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const kept = nodes.reverse().filter((of) => {
    const isRead = of.outputs.some((output) => needed.has(output));
    if (isRead) for (const input of of.inputs) needed.add(input);
    return isRead;
  });
  const initializers = new Map([...graph.initializers, ...build.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: kept.reverse(), initializers };
}

type Refs = (name: string) => Ref;

/** What stands for a node's first output; undefined if it may stay. */
function rewritten(build: Operations, of: Node, ref: Refs, producers: ReadonlyMap<string, Node>): Ref | undefined {
  if (of.op === "Sum") return summed(build, of.inputs.map(ref));
  if (of.op === "LogSoftmax") return logSoftmax(build, ref(of.inputs[0]!), intAttribute(of, "axis", -1));
  if (of.op === "Gemm") return splitProduct(build, of, ref);
  if (of.op === "Conv") return wideConvolution(build, of, ref);
  if (of.op === "ScatterElements") return pooledGradient(build, of, ref, producers);
  return undefined;
}

/** As a tree of additions, so that none waits for all the others. */
function summed(build: Operations, terms: readonly Ref[]): Ref {
  if (terms.length === 1) return terms[0]!;
  const half = terms.length >> 1;
  return build.add(summed(build, terms.slice(0, half)), summed(build, terms.slice(half)));
}

/** x − max − log Σ exp(x − max), over one axis. */
function logSoftmax(build: Operations, x: Ref, axis: number): Ref {
  const axes = [axis < 0 ? axis + x.dims.length : axis];
  const shifted = build.sub(x, build.reduce("ReduceMax", x, axes));
  return build.sub(shifted, build.unary("Log", build.sum(build.unary("Exp", shifted), axes)));
}

/** A · B of few tiles and long sums: as a batch of products, each over a part of the sum, and their sum. */
function splitProduct(build: Operations, of: Node, ref: Refs): Ref | undefined {
  const [a, b] = [ref(of.inputs[0]!), ref(of.inputs[1]!)];
  const isPlain = of.inputs.length === 2 && intAttribute(of, "transA", 0) === 0 && !of.attributes.alpha;
  if (!isPlain) return undefined;
  const isTurned = intAttribute(of, "transB", 0) === 1;
  return productOf(build, a, b, isTurned);
}

/** a [M, K] · b, which is [K, N], or [N, K] where it is turned. */
function productOf(build: Operations, a: Ref, b: Ref, isTurned: boolean): Ref | undefined {
  const [rows, terms] = a.dims as [number, number];
  const columns = b.dims[isTurned ? 0 : 1]!;
  const tiles = Math.ceil(rows / TILE) * Math.ceil(columns / TILE);
  const most = Math.min(Math.floor(terms / SHORT), Math.ceil(BUSY / tiles));
  const parts = range(most + 1).findLast((count) => count > 1 && terms % count === 0 && (terms / count) % 4 === 0);
  if (parts === undefined) return undefined;
  const each = terms / parts;
  const left = build.transpose(build.reshape(a, [rows, parts, each]), [1, 0, 2]);
  const right = isTurned
    ? build.transpose(build.reshape(b, [columns, parts, each]), [1, 2, 0])
    : build.reshape(b, [parts, each, columns]);
  return build.sum(build.matmul(left, right), [0], false);
}

/** A convolution with a wide kernel and few outputs: as one product, a row for each output position and image. */
function wideConvolution(build: Operations, of: Node, ref: Refs): Ref | undefined {
  const [x, kernel, y] = [ref(of.inputs[0]!), ref(of.inputs[1]!), ref(of.outputs[0]!)];
  const wide = kernel.dims.slice(2);
  const [strides, dilations, pads] = ["strides", "dilations", "pads"].map((name) => intsAttribute(of, name));
  if (of.inputs.length > 2 || intAttribute(of, "group", 1) > 1 || wide.length !== 2 || wide[0]! <= WIDE)
    return undefined;
  const padded = build.pad(x, [0, 0, ...(pads ?? [0, 0]).slice(0, 2)], [0, 0, ...(pads ?? [0, 0, 0, 0]).slice(2)]);
  const terms = product(kernel.dims.slice(1));
  const views = positions(y.dims.slice(2)).map((at) => {
    const starts = at.map((place, axis) => place * (strides?.[axis] ?? 1));
    return build.reshape(build.slice(padded, [2, 3], starts, wide, [...(dilations ?? [1, 1])]), [x.dims[0]!, terms]);
  });
  const seen = build.concat(views, 0);
  const rows = build.reshape(kernel, [kernel.dims[0]!, terms]);
  const all = productOf(build, seen, rows, true) ?? build.gemm(seen, rows, { transB: true });
  const apart = build.reshape(all, [...y.dims.slice(2), x.dims[0]!, kernel.dims[0]!]);
  return build.transpose(apart, [2, 3, 0, 1]);
}

/**
 * The gradient of a max pooling, which goes to the first largest pixel of each window, without the indices that the provider's
 * `MaxPool` does not tell: each position of the window compared with the largest, then sent back by one transposed convolution.
 */
function pooledGradient(build: Operations, of: Node, ref: Refs, producers: ReadonlyMap<string, Node>): Ref | undefined {
  const places = producers.get(of.inputs[1]!);
  const pooling = places && producers.get(places.inputs[0]!);
  const gradient = producers.get(of.inputs[2]!)?.inputs[0];
  if (pooling?.op !== "MaxPool" || gradient === undefined) return undefined;
  const [x, y] = [ref(pooling.inputs[0]!), ref(pooling.outputs[0]!)];
  const [kernel, strides = [1, 1], pads = [0, 0, 0, 0]] = ["kernel_shape", "strides", "pads"].map((name) =>
    intsAttribute(pooling, name),
  );
  const [batch, channels, ...input] = x.dims as [number, number, ...number[]];
  const output = y.dims.slice(2);
  const images = batch * channels;
  const after = input.map((size, axis) => (output[axis]! - 1) * strides[axis]! + kernel![axis]! - size - pads[axis]!);
  const lowest = build.constant(float32Tensor([], Float32Array.of(-3e38)), "lowest");
  const amounts = [0, 0, ...pads.slice(0, 2), 0, 0, ...after.map((amount) => Math.max(amount, 0))];
  const padded = build.emit(
    "Pad",
    [x, build.ints(amounts), lowest],
    [batch, channels, ...input.map((size, axis) => size + pads[axis]! + Math.max(after[axis]!, 0))],
  );
  const dy = { ...y, name: gradient };
  let free: Ref | undefined;
  const parts = positions(kernel!).map((at) => {
    const isLargest = build.cast(build.equal(build.slice(padded, [2, 3], at, output, [...strides]), y), "float32");
    const own = free ? build.mul(isLargest, free) : isLargest;
    free = free ? build.sub(free, own) : build.oneMinus(own);
    return build.reshape(build.mul(own, dy), [images, 1, ...output]);
  });
  const taps = parts.length;
  const unit = new Float32Array(taps * taps);
  for (let tap = 0; tap < taps; tap++) unit[tap * taps + tap] = 1;
  const back = build.emit(
    "ConvTranspose",
    [build.concat(parts, 1), build.constant(float32Tensor([taps, 1, ...kernel!], unit), "places")],
    [images, 1, ...input],
    {
      kernel_shape: kernel!,
      strides,
      pads: [...pads.slice(0, 2), ...after.map((amount) => Math.max(amount, 0))],
      output_padding: after.map((amount) => Math.max(-amount, 0)),
    },
  );
  return build.reshape(back, [product(x.dims)]);
}
