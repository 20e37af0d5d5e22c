/**
 * Loads the weights of a file for an architecture. The library whose names fit the file best is chosen; a file that none of them fits
 * is refused, with the differences and the architectures that it would fit. File formats are read elsewhere.
 */
import { dataError } from "../../base/errors.ts";
import type { WeightEntry, WeightFile } from "../../formats/weight-file.ts";
import { tensorsRead } from "../../onnx/analysis/dataflow.ts";
import { asFloat32, float32Tensor, type Graph, node, type Tensor } from "../../onnx/model.ts";
import { cutGraph } from "../../onnx/passes/cut-and-merge.ts";
import type { Define, Definition, DefinitionOptions, Parameter } from "../architectures/definition.ts";
import { describeMisfit, LISTED, type Misfit, sameDims } from "../architectures/definition-weights.ts";
import { type NamingRow, namingsOf } from "./family-names.ts";
import { byOrder, dialectOf, type Naming, type NamingKind, type Source } from "./naming.ts";
import { fromLayout, storedDims } from "./weight-layout.ts";

export interface LoadOptions {
  /** Outputs of the classifier. Default: as many as in the file. */
  readonly classes?: number | undefined;
  /** Side of the input in pixels. Default: as the architecture was published. */
  readonly inputSize?: number | undefined;
  /** Architectures to suggest if the file belongs to another one. Default: none. */
  readonly others?: ReadonlyMap<string, Define> | undefined;
}

/** Weights with the definition that they belong to. */
export interface LoadedWeights {
  /** In the dialect of the weights, with the file's number of classes; without a classifier if the file has none. */
  readonly definition: Definition;
  /** By the definition's names, float32, in Graft's layout. */
  readonly weights: Map<string, Tensor>;
  readonly naming: NamingKind;
  /** Whether the file has no classifier; the network then has features but no logits. */
  readonly notop: boolean;
  /** Parameters that the file omits: none, or the classifier's and, for Keras' VGG and MobileNetV3, those of the layers before it. */
  readonly absent: readonly string[];
}

/**
 * Reads an architecture's weights.
 *
 * @param define the architecture
 * @throws GraftError (`data`) if the file is damaged or belongs to another architecture; the message lists up to three parameters
 * each that are missing, unexpected or of another shape
 */
export async function loadWeights(define: Define, file: WeightFile, options: LoadOptions = {}): Promise<LoadedWeights> {
  const plan = bestPlan(define, file, options);
  if (!fits(plan)) throw misfit(plan, file, options.others ?? new Map());
  const { naming, steps, absent } = plan;
  const definition = absent.length > 0 ? headless(plan.definition, absent) : plan.definition;
  const notop = ![...steps.keys()].some((parameter) => parameter.startsWith(`${definition.classifier}.`));
  return { definition, weights: await readPlan(plan, file), naming: naming.kind, notop, absent };
}

/** The plan of the naming that matches most of the file's tensors. */
function bestPlan(define: Define, file: WeightFile, options: LoadOptions): Plan {
  const plans = namingsOf(define().name).map((row) => planFor(row, define, file, options));
  return plans.reduce((best, plan) => (explained(plan) > explained(best) ? plan : best));
}

const explained = ({ steps, unlike }: Plan): number => steps.size + unlike.length;

function planFor(row: NamingRow, define: Define, { entries, layers }: WeightFile, options: LoadOptions): Plan {
  const asked: DefinitionOptions = { inputSize: options.inputSize, dialect: dialectOf[row.kind] };
  const published = define(asked);
  const classes = options.classes ?? classesIn(row, published, entries);
  const definition = classes === undefined ? published : define({ ...asked, classes });
  const naming = row.of(definition);
  const byName = planOf(definition, naming, entries);
  if (fits(byName) || !naming.inOrder || !layers) return byName;
  const inOrder = planOf(definition, byOrder(naming, definition, layers), entries);
  return fits(inOrder) ? inOrder : byName;
}

/** The number of classes of the classifier in the file, if the file has one with the right number of axes. */
function classesIn(row: NamingRow, definition: Definition, entries: WeightFile["entries"]): number | undefined {
  const naming = row.of(definition);
  const source = naming.source(`${definition.classifier}.weight`, [1, definition.features.size]);
  const dims = source?.names.map((name) => entries.get(name)?.dims).find((found) => found !== undefined);
  const axes = source && storedDims(source.layout, [1, 1]).length;
  const classes = dims?.length === axes ? dims?.at(naming.classesAxis) : undefined;
  return classes === 0 ? undefined : classes;
}

function misfit(plan: Plan, file: WeightFile, others: ReadonlyMap<string, Define>): Error {
  const { name } = plan.definition;
  const alike = [...others].filter(([other, define]) => other !== name && fits(bestPlan(define, file, {})));
  const remedy =
    alike.length > 0
      ? `they fit ${alike
          .slice(0, LISTED)
          .map(([other]) => other)
          .join(" or ")}: choose that network`
      : `pass weights made for ${name} by timm, torchvision or Keras`;
  if (explained(plan) === 0) {
    const first = [...file.entries.keys()].slice(0, LISTED).join(", ");
    return dataError(`None of the names in ${file.path} (${first}, …) belongs to ${name}; ${remedy}.`);
  }
  return dataError(`The weights in ${file.path} do not fit ${name}: ${describeMisfit(plan)}; ${remedy}.`);
}

// Files without a classifier: the architecture is reduced to its features.

/**
 * The part of a definition that does not need the parameters `absent`. Its graph ends in the features, `[N, features]`, and has no
 * logits. If layers before the classifier are absent too (Keras' VGG and MobileNetV3 without top), the features are the map of the
 * last complete stage, averaged over its pixels, as with Keras' `pooling="avg"`.
 *
 * @throws GraftError (`data`) if no stage is complete
 */
export function headless(definition: Definition, absent: readonly string[]): Definition {
  const lacking = new Set(absent);
  const { features } = definition;
  const whole = cutGraph(definition.graph, [{ name: features.tensor, type: "float32", dims: ["N", features.size] }]);
  if (!readsAny(whole, lacking)) return { ...definition, graph: whole, parameters: read(definition, whole) };
  for (const [index, stage] of [...definition.stages.entries()].toReversed()) {
    const part = cutGraph(definition.graph, [{ name: stage.output }]);
    if (!readsAny(part, lacking)) return pooled(definition, index, part);
  }
  throw dataError(`Too many parameters of ${definition.name} are missing: none of its stages is complete.`);
}

/** The stages up to `last`, with its map averaged. */
function pooled(definition: Definition, last: number, part: Graph): Definition {
  const stages = definition.stages.slice(0, last + 1);
  const map = stages[last]!.output;
  const parameters = read(definition, part);
  // The last parameter of a convolution or batch norm has one value per channel.
  const size = [...parameters.values()].at(-1)!.dims[0]!;
  const tensor = "features.pooled";
  const nodes = [
    ...part.nodes,
    node("GlobalAveragePool", [map], [`${tensor}.map`]),
    node("Flatten", [`${tensor}.map`], [tensor], { axis: 1 }),
  ];
  const outputs = [{ name: tensor, type: "float32" as const, dims: ["N", size] }];
  return { ...definition, graph: { ...part, nodes, outputs }, parameters, stages, features: { tensor, size } };
}

const readsAny = (graph: Graph, names: ReadonlySet<string>): boolean =>
  graph.nodes.some((each) => tensorsRead(each).some((name) => names.has(name)));

function read({ parameters }: Definition, graph: Graph): ReadonlyMap<string, Parameter> {
  const names = new Set(graph.nodes.flatMap((each) => [...tensorsRead(each)]));
  return new Map([...parameters].filter(([name]) => names.has(name)));
}

// The plan: which tensor of a file becomes which parameter, from names and shapes alone; and reading by the plan.

/** Where the values of one parameter are. */
interface Step {
  /** The name of the entry in the file. */
  readonly name: string;
  readonly source: Source;
  readonly dims: readonly number[];
}

/** How a file fits a definition under one naming. `missing` holds the file's names, without those of `absent`. */
export interface Plan extends Misfit {
  readonly definition: Definition;
  readonly naming: Naming;
  /** By Graft's names. */
  readonly steps: ReadonlyMap<string, Step>;
  /** Parameters that the file omits on purpose: the classifier's and, in Keras, those of the layers before it. */
  readonly absent: readonly string[];
}

/** Whether the file fits the definition, with or without a classifier. */
export const fits = ({ missing, unexpected, unlike }: Plan): boolean =>
  missing.length + unexpected.length + unlike.length === 0;

const FLOATS = new Set(["float32", "float16", "bfloat16", "float64"]);

/** Compares a file's entries with a definition. */
export function planOf(definition: Definition, naming: Naming, entries: WeightFile["entries"]): Plan {
  const steps = new Map<string, Step>();
  const lacking = new Map<string, string>();
  const unlike = new Map<string, string>();
  for (const [parameter, { dims, role }] of definition.parameters) {
    const source = naming.source(parameter, dims);
    const name = source?.names.find((candidate) => entries.has(candidate));
    if (!source || name === undefined) {
      lacking.set(parameter, source?.names[0] ?? parameter);
      continue;
    }
    const entry = entries.get(name)!;
    const wanted = storedDims(source.layout, dims);
    const resampled = role === "token" && isResampled(entry.dims, wanted);
    if (FLOATS.has(entry.type) && (resampled || sameDims(entry.dims, wanted)))
      steps.set(parameter, { name, source, dims: resampled ? entry.dims : dims });
    else unlike.set(name, `${name} (${entry.type} [${entry.dims}], not [${wanted}])`);
  }
  const top = [...definition.parameters.keys()].filter(
    (parameter) =>
      parameter.startsWith(`${definition.classifier}.`) || naming.top.some((pattern) => pattern.test(parameter)),
  );
  const absent = top.length > 0 && top.every((parameter) => lacking.has(parameter)) ? top : [];
  for (const parameter of absent) lacking.delete(parameter);
  const used = new Set([...steps.values()].map(({ name }) => name));
  const unexpected = [...entries.keys()].filter(
    (name) => !used.has(name) && !unlike.has(name) && !naming.ignored.some((pattern) => pattern.test(name)),
  );
  return {
    definition,
    naming,
    steps,
    missing: [...lacking.values()],
    unexpected,
    unlike: [...unlike.values()],
    absent,
  };
}

/** A position embedding of another input size: `[1, tokens, C]` with another number of tokens. `withWeights` resamples it. */
const isResampled = (dims: WeightEntry["dims"], wanted: readonly number[]): boolean =>
  dims.length === 3 && wanted.length === 3 && dims[0] === wanted[0] && dims[2] === wanted[2];

/** Reads every parameter of a plan, one after the other, into Graft's layout. */
export async function readPlan({ steps }: Plan, file: WeightFile): Promise<Map<string, Tensor>> {
  const weights = new Map<string, Tensor>();
  for (const [parameter, { name, source, dims }] of steps) {
    const tensor = fromLayout(source.layout, await file.read(name), dims);
    weights.set(parameter, source.add === undefined ? tensor : plus(tensor, source.add));
  }
  return weights;
}

const plus = (tensor: Tensor, value: number): Tensor =>
  float32Tensor(
    tensor.dims,
    asFloat32(tensor).map((element) => element + value),
  );
