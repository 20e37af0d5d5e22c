/** Reduces an architecture to its features, for files without a classifier. */

import { dataError } from "../../base/errors.ts";
import { cutGraph } from "../../graph/cut.ts";
import { tensorsRead } from "../../graph/lookup.ts";
import { type Graph, node } from "../../graph/model.ts";
import type { Definition, Parameter } from "../architectures/definition.ts";

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
