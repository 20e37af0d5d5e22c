/**
 * Loads the weights of a file for an architecture. The library whose names fit the file best is chosen; a file that none of them fits
 * is refused, with the differences and the architectures that it would fit. File formats are read elsewhere.
 */
import { dataError } from "../../base/errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Define, Definition, DefinitionOptions } from "../architectures/definition.ts";
import { describeMisfit, LISTED } from "../architectures/weights.ts";
import { headless } from "./headless.ts";
import { storedDims } from "./names/layout.ts";
import { byOrder, dialectOf, type NamingKind } from "./names/naming.ts";
import { type NamingRow, namingsOf } from "./names/table.ts";
import { fits, type Plan, planOf, readPlan } from "./plan.ts";
import type { WeightFile } from "./weight-file.ts";

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
  /** By the definition's names, float32, in our layout. */
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
