/**
 * Finds a network's own classifier from the structure of the graph: walks back from each output, through the operators that exporters
 * add after a classifier, to the layer that computes the logits. No network is recognised by name.
 */
import { dataError } from "../../base/errors.ts";
import { type Dataflow, dataflow, type Lookup, lookup } from "../../onnx/analysis/dataflow.ts";
import { elementCount, type Graph, intAttribute, type Node, type TensorShape } from "../../onnx/model.ts";
import { layerName } from "../backbone/stage-names.ts";

/** Where to cut a network. */
export interface Classifier {
  /** The tensor that the classifier reads, or the output of a network without one: the natural cut. */
  readonly cut: string;
  /** The node that computes the logits; absent if the network ends in its features. */
  readonly layer?: Node | undefined;
  /** The reason, as text that follows "Cut at …:". */
  readonly why: string;
}

/** The layers and operators at the end of one output. */
interface Ending {
  readonly output: string;
  readonly layers: readonly Linear[];
  readonly effects: readonly LogitEffect[];
  /** The node that chooses among classes, if the output is its choice: the classes, or their scores. */
  readonly chosenBy?: Node | undefined;
}

/** Features and logits are floats; a network may also output the classes that it chooses, as integers. */
const outputTypes: ReadonlySet<string> = new Set(["float32", "int64", "int32"]);

const isChosen = ({ chosenBy }: Ending): boolean => chosenBy !== undefined;

/**
 * Finds the classifier of an image network, or its features if it has none.
 *
 * @param shapes of every tensor, for a batch of any size
 * @throws GraftError (`data`) if there is neither: the outputs look like logits, but no layer computes them; the user then needs `--cut`
 */
export function findClassifier(graph: Graph, shapes: TensorShapes, source: string): Classifier {
  const known = indexedGraph(graph, shapes);
  const outputs = graph.outputs.map(({ name }) => name).filter((name) => outputTypes.has(shapes.get(name)?.type ?? ""));
  const endings = outputs.map((output) => ({ output, ...walkUp(output, known) }));
  const found = classifierAmong(endings, known) ?? featuresAmong(endings, known);
  if (found) return found;
  const selects = graph.nodes.find(({ op }) => op === "NonMaxSuppression") ?? endings.find(isChosen)?.chosenBy;
  if (selects) {
    throw dataError(
      `${source} ends in ${selects.op}, which chooses results instead of computing features, and no classifier was found before it: choose the tensor to cut at with --cut TENSOR.`,
    );
  }
  throw dataError(
    `No classifier was found at the end of ${source}, and its output does not look like features: choose the tensor to cut at with --cut TENSOR.`,
  );
}

function classifierAmong(endings: readonly Ending[], known: IndexedGraph): Classifier | undefined {
  const best = deepest(
    endings.filter((ending) => isClassifier(ending, known)),
    known,
  );
  const [layer, averaged] = best?.layers ?? [];
  if (!best || !layer) return undefined;
  const outputs = endings.map(({ output }) => output);
  const why = [
    `the input of the last ${layer.node.op}, ${nameOf(layer, known)}, which computes ${classes(layer, known)} logits`,
    ...(averaged ? [`the average with those of ${nameOf(averaged, known)}`] : []),
    ...(best.effects.includes("weak") ? [beforePooling(layer, known)] : []),
    ...(outputs.length > 1
      ? [`of the outputs ${outputs.join(", ")}, ${best.output} depends on the most of the network`]
      : []),
  ];
  return { cut: layer.reads, layer: layer.node, why: why.join("; ") };
}

/** An output that does not look like logits; a vector is preferred. */
function featuresAmong(endings: readonly Ending[], known: IndexedGraph): Classifier | undefined {
  const features = endings.filter(
    (ending) =>
      !isLikeLogits(ending, known) &&
      !isChosen(ending) &&
      !dependsOnDetection(ending.output, known) &&
      known.shapes.get(ending.output)?.type === "float32" &&
      known.made.producer(ending.output) !== undefined,
  );
  const vectors = features.filter(({ output }) => known.shapes.get(output)?.dims.length === 2);
  const end = deepest(vectors, known) ?? deepest(features, known);
  if (!end) return undefined;
  const dims = known.shapes.get(end.output)?.dims.slice(1) ?? [];
  const several = endings.length > 1 ? `, of the outputs ${endings.map(({ output }) => output).join(", ")}` : "";
  return {
    cut: end.output,
    why: `the output itself${several}: no classifier was found, so its [${["N", ...dims].join(", ")}] values are used as features`,
  };
}

/** Follows an output back to the linear layer that computes it; to two layers if their logits are averaged. */
function walkUp(output: string, known: IndexedGraph, mayPair = true): Omit<Ending, "output"> {
  const effects: LogitEffect[] = [];
  let chosenBy: Node | undefined;
  let tensor = output;
  for (let node = known.made.producer(tensor); node; node = known.made.producer(tensor)) {
    const data = [...new Set(known.flow.data(node))];
    const layer = linearLayer(node, known);
    if (layer) return { layers: [layer], effects, chosenBy };
    if (mayPair && data.length === 2 && (node.op === "Add" || node.op === "Mean" || node.op === "Sum")) {
      const heads = data.map((input) => walkUp(input, known, false));
      const isVector = data.every((input) => known.shapes.get(input)?.dims.length === 2);
      const isPair =
        isVector &&
        heads.every(({ layers, effects: way }) => layers.length === 1 && way.every((one) => one === "plain"));
      return { layers: isPair ? heads.flatMap(({ layers }) => layers) : [], effects, chosenBy };
    }
    const effect = logitEffectOf(node, known);
    if (choices.has(node.op)) chosenBy = node;
    if (data.length !== 1 || !effect) break;
    effects.push(effect);
    tensor = data[0]!;
  }
  return { layers: [], effects, chosenBy };
}

/** Whether an output is computed from the boxes that a detection network keeps. */
const dependsOnDetection = (output: string, known: IndexedGraph): boolean =>
  [...upstream(output, known)].some(({ op }) => op === "NonMaxSuppression");

/** The nodes that process the image on its way to a tensor. */
function upstream(of: string, { flow, made }: IndexedGraph): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const pending = [of];
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    const node = made.producer(tensor);
    if (!node || seen.has(node)) continue;
    seen.add(node);
    pending.push(...flow.data(node));
  }
  return seen;
}

/** Common names of classifiers and their outputs. */
const classifierNames =
  /(?:^|[^a-z])(?:classifier|logits?|predictions?|prob(?:s|abilit(?:y|ies))?|softmax|scores?|heads?|fc\d*)(?:$|[^a-z])/i;
/** The numbers of classes of ImageNet and its larger versions, with and without a background class. */
const knownClasses = new Set([1000, 1001, 11221, 11821, 21841, 21843]);

const classes = (layer: Linear, { shapes }: IndexedGraph): number => {
  const dims = shapes.get(layer.node.outputs[0]!)?.dims ?? [];
  return (layer.node.op === "Conv" ? dims[1] : dims.at(-1)) ?? 0;
};

/** Whether a tensor holds one vector per image: apart from the batch, at most one dimension is not 1. */
const isVector = (dims: readonly number[]): boolean => dims.slice(1).filter((size) => size > 1).length <= 1;

function isClassifier(ending: Ending, known: IndexedGraph): boolean {
  const [layer] = ending.layers;
  if (!layer || !isVector(known.shapes.get(ending.output)?.dims ?? [])) return false;
  const isActive = ending.effects.includes("active");
  // Before an activation, a layer of features is more likely than one of logits: VGG's fc7, cut off before fc8.
  if (isActive && layer.node.op !== "Conv" && !ending.effects.includes("probable")) return false;
  const isPooled = ending.effects.includes("weak");
  const isBare = isVector(known.shapes.get(layer.node.outputs[0]!)?.dims ?? []) && !isPooled && !isActive;
  const names = [nameOf(layer, known), weightName(layer, known), layer.node.name, ending.output];
  return (
    isBare ||
    ending.effects.includes("probable") ||
    names.some((name) => classifierNames.test(name)) ||
    knownClasses.has(classes(layer, known))
  );
}

/** Whether an output looks like logits or probabilities, whatever computes it. */
function isLikeLogits({ output, effects }: Ending, { shapes }: IndexedGraph): boolean {
  const dims = shapes.get(output)?.dims ?? [];
  const isNamed = /(?:^|[^a-z])(?:logits?|predictions?|prob(?:s|abilit(?:y|ies))?|softmax)(?:$|[^a-z])/i.test(output);
  return effects.includes("probable") || isNamed || (isVector(dims) && knownClasses.has(elementCount(dims.slice(1))));
}

const beforePooling = (layer: Linear, { shapes }: IndexedGraph): string => {
  const positions = elementCount(shapes.get(layer.reads)?.dims.slice(2) ?? []);
  return layer.node.op === "Conv" && positions > 1
    ? "the network pools them; Graft pools the layer's input"
    : "at every position, before they are pooled";
};

/** The ending that depends on the most nodes: auxiliary classifiers branch off early. */
function deepest(endings: readonly Ending[], known: IndexedGraph): Ending | undefined {
  const depth = ({ output, layers }: Ending): number => upstream(layers[0]?.reads ?? output, known).size;
  let best: { ending: Ending; depth: number } | undefined;
  for (const ending of endings) {
    const own = depth(ending);
    if (!best || own > best.depth) best = { ending, depth: own };
  }
  return best?.ending;
}

// The indexed graph that the search works with.

/** The type and shape of every tensor. */
export type TensorShapes = ReadonlyMap<string, TensorShape>;

export interface IndexedGraph {
  readonly graph: Graph;
  /** Of every tensor, for a batch of any size; the first dimension is the batch. */
  readonly shapes: TensorShapes;
  readonly flow: Dataflow;
  readonly made: Lookup;
}

/** Indexes a graph. Throws a data error if it is cyclic. */
export const indexedGraph = (graph: Graph, shapes: TensorShapes): IndexedGraph => ({
  graph,
  shapes,
  flow: dataflow(graph),
  made: lookup(graph),
});

// Linear layers: nodes that may map features to logits with constant weights, and their names.

/** A linear layer and its input. */
export interface Linear {
  readonly node: Node;
  /** The tensor of its features. */
  readonly reads: string;
  /** The tensor of its weight, a constant or computed from one. */
  readonly weight: string;
}

/** Whether a convolution is a linear layer at every position: its kernel is 1 × 1 or covers the whole map. */
function isPointwise(node: Node, { shapes }: IndexedGraph): boolean {
  const kernel = shapes.get(node.inputs[1] ?? "")?.dims.slice(2) ?? [];
  const positions = shapes.get(node.outputs[0] ?? "")?.dims.slice(2) ?? [];
  return intAttribute(node, "group", 1) === 1 && (elementCount(kernel) === 1 || elementCount(positions) === 1);
}

const layers: Readonly<Record<string, (node: Node, known: IndexedGraph) => boolean>> = {
  Gemm: (node) => intAttribute(node, "transA", 0) === 0,
  MatMul: () => true,
  Conv: isPointwise,
};

/** The node as a linear layer, if it is one: the first input depends on the images, the second does not. */
export function linearLayer(node: Node, known: IndexedGraph): Linear | undefined {
  const [reads = "", weight = ""] = node.inputs;
  const is = Object.hasOwn(layers, node.op) ? layers[node.op] : undefined;
  if (!is?.(node, known) || known.flow.dependence(reads) !== "values") return undefined;
  return known.flow.dependence(weight) === "nothing" ? { node, reads, weight } : undefined;
}

/** The name of a weight in the file, before the operators that an exporter put between it and its layer. */
export function weightName({ weight }: Linear, { graph, made }: IndexedGraph): string {
  for (let name = weight; ; ) {
    const [input] = made.producer(name)?.inputs ?? [];
    if (graph.initializers.has(name) || input === undefined) return name;
    name = input;
  }
}

/** The name of the layer for display. */
export const nameOf = (layer: Linear, known: IndexedGraph): string => layerName(layer.node, weightName(layer, known));

// The operators between a classifier's logits and the network's output. One row per operator: whether its output still represents its
// input's logits.

/**
 * `plain`: moves, reshapes or rescales. `probable`: applied to logits only. `weak` (pooling) and `active` (activations): applied to
 * logits in some networks (SqueezeNet) and to features in others, so that other evidence is needed.
 */
export type LogitEffect = "plain" | "probable" | "weak" | "active";

type Rule = LogitEffect | ((node: Node, known: IndexedGraph) => LogitEffect | undefined);

/** A factor for all values: a temperature, an average of two. One factor per value would be the scale of a normalisation. */
const scalarOnly = (node: Node, { flow, shapes }: IndexedGraph): LogitEffect | undefined => {
  const constants = node.inputs.filter((input) => flow.dependence(input) !== "values");
  return constants.every((name) => elementCount(shapes.get(name)?.dims ?? []) === 1) ? "plain" : undefined;
};

/** Pooling to one vector per image. */
const pooled = (node: Node, { shapes }: IndexedGraph): LogitEffect | undefined => {
  const to = shapes.get(node.outputs[0] ?? "")?.dims.slice(1) ?? [];
  return to.filter((size) => size > 1).length <= 1 ? "weak" : undefined;
};

const of = (effect: LogitEffect, ...operators: string[]): [string, Rule][] => operators.map((op) => [op, effect]);

/** Operators that choose classes by their scores. */
const choices: ReadonlySet<string> = new Set(["ArgMax", "TopK"]);

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...of("probable", "Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid", ...choices),
  ...of("plain", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose", "Dropout"),
  ...of("plain", "QuantizeLinear", "DequantizeLinear", "Slice", "Gather", "Add", "Sub"),
  ...of("active", "Clip", "Relu"),
  ["Mul", scalarOnly],
  ["Div", scalarOnly],
  ["GlobalAveragePool", pooled],
  ["AveragePool", pooled],
  ["ReduceMean", pooled],
]);

/** The effect of a node on logits; undefined if its output is something else. */
export function logitEffectOf(node: Node, known: IndexedGraph): LogitEffect | undefined {
  const rule = rules.get(node.op);
  return typeof rule === "function" ? rule(node, known) : rule;
}
