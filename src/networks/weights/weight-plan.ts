/** Decides which tensor of a file becomes which parameter, from names and shapes alone, and then reads them. */

import type { WeightEntry, WeightFile } from "../../formats/weight-file.ts";
import { asFloat32, float32Tensor, type Tensor } from "../../onnx/model.ts";
import type { Definition } from "../architectures/definition.ts";
import { type Misfit, sameDims } from "../architectures/definition-weights.ts";
import type { Naming, Source } from "./naming.ts";
import { fromLayout, storedDims } from "./weight-layout.ts";

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
