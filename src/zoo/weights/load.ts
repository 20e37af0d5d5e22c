/**
 * Weights of a file for an architecture: whose names the file has is found by which of them explain it, and a file that none
 * of them explains is refused with what is wrong and what it looks like instead. The formats are in files beside this one.
 */
import { dataError } from "../../base/errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Define, Definition, DefinitionOptions } from "../architectures/definition.ts";
import { headless } from "./headless.ts";
import { storedDims } from "./names/layout.ts";
import { byOrder, dialectOf, type NamingKind } from "./names/naming.ts";
import { type NamingRow, namingsOf } from "./names/table.ts";
import { fits, type Plan, planOf, readPlan } from "./plan.ts";
import type { WeightFile } from "./weight-file.ts";

/** What to take as given, and what to know for messages. */
export interface LoadOptions {
  /** Outputs of the classifier. Default: as many as the file's has. */
  readonly classes?: number | undefined;
  /** Side of the input in pixels. Default: as the architecture was published. */
  readonly inputSize?: number | undefined;
  /** Architectures to look for where the file is of another one than was asked for. Default: none. */
  readonly others?: ReadonlyMap<string, Define> | undefined;
}

/** Weights, and the definition that they belong to. */
export interface LoadedWeights {
  /** In the dialect of the weights, with as many classes as the file has; without a classifier where it has none. */
  readonly definition: Definition;
  /** By the definition's names, float32, in our layout. */
  readonly weights: Map<string, Tensor>;
  readonly naming: NamingKind;
  /** Whether the file has no classifier: then the network has features, and no logits. */
  readonly notop: boolean;
  /** The architecture's parameters that are not in the file: none, or the classifier's and (Keras' VGG and MobileNetV3) those before it. */
  readonly absent: readonly string[];
}

/**
 * Reads an architecture's weights.
 *
 * @param define the architecture, as in `architectures/registry.ts`
 * @throws GraftError (`data`) where the file is of another architecture, naming three each of the parameters that are
 * missing, unexpected and of another shape; or damaged
 */
export async function loadWeights(define: Define, file: WeightFile, options: LoadOptions = {}): Promise<LoadedWeights> {
  const plan = bestPlan(define, file, options);
  if (!fits(plan)) throw misfit(plan, file, options.others ?? new Map());
  const { naming, steps, absent } = plan;
  const definition = absent.length > 0 ? headless(plan.definition, absent) : plan.definition;
  const notop = ![...steps.keys()].some((parameter) => parameter.startsWith(`${definition.classifier}.`));
  return { definition, weights: await readPlan(plan, file), naming: naming.kind, notop, absent };
}

/** The naming that explains most of the file. */
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

/** The classes of the classifier in the file, if it has one of the right number of axes. */
function classesIn(row: NamingRow, definition: Definition, entries: WeightFile["entries"]): number | undefined {
  const naming = row.of(definition);
  const source = naming.source(`${definition.classifier}.weight`, [1, definition.features.size]);
  const dims = source?.names.map((name) => entries.get(name)?.dims).find((found) => found !== undefined);
  const axes = source && storedDims(source.layout, [1, 1]).length;
  const classes = dims?.length === axes ? dims?.at(naming.classesAxis) : undefined;
  return classes === 0 ? undefined : classes;
}

/** How many names an error lists before it says how many more there are. */
const LISTED = 3;

function misfit(plan: Plan, file: WeightFile, others: ReadonlyMap<string, Define>): Error {
  const { definition, missing, unexpected, unlike } = plan;
  const { name } = definition;
  const alike = [...others].filter(([other, define]) => other !== name && fits(bestPlan(define, file, {})));
  const remedy =
    alike.length > 0
      ? `they are those of ${alike
          .slice(0, LISTED)
          .map(([other]) => other)
          .join(" or ")}: ask for that network`
      : `give weights made for ${name} by timm, torchvision or Keras`;
  if (explained(plan) === 0) {
    const first = [...file.entries.keys()].slice(0, LISTED).join(", ");
    return dataError(`None of the names in ${file.path} (${first}, …) is one of ${name}'s; ${remedy}.`);
  }
  const faults = [listed("lack", missing), listed("have besides", unexpected), listed("hold in another shape", unlike)];
  const found = faults.filter((fault) => fault !== undefined).join("; they ");
  return dataError(`The weights in ${file.path} do not fit ${name}: they ${found}; ${remedy}.`);
}

function listed(verb: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length - LISTED;
  return `${verb} ${names.slice(0, LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
