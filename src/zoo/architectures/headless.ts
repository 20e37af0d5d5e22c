/** An architecture without its classifier: what files hold that were saved for features (`num_classes=0`, `notop`). */
import { cutGraph } from "../../graph/cut.ts";
import type { Definition } from "./definition.ts";

/** Whether a parameter is one of the classifier's. */
export const isClassifiers = ({ classifier }: Definition, parameter: string): boolean =>
  parameter.startsWith(`${classifier}.`);

/** The definition up to its features, which become its output. */
export function withoutClassifier(definition: Definition): Definition {
  const { tensor, size } = definition.features;
  return {
    ...definition,
    graph: cutGraph(definition.graph, [{ name: tensor, type: "float32", dims: ["N", size] }]),
    parameters: new Map([...definition.parameters].filter(([name]) => !isClassifiers(definition, name))),
  };
}
