/** Draws fresh values for the parameters of a definition with its initialisers. */
import { normals } from "../../base/normal.ts";
import type { Random } from "../../base/random.ts";
import { elementCount, float32Tensor, type Tensor } from "../../graph/tensor.ts";
import type { Definition, Initialiser, Parameter } from "./definition.ts";

/** Weights to train from scratch: every parameter, drawn in the definition's order, so that the same seed gives the same bytes. */
export const freshWeights = (definition: Definition, random: Random): Map<string, Tensor> =>
  new Map([...definition.parameters].map(([name, parameter]) => [name, freshTensor(parameter, random)]));

/** The initial values of a parameter. */
export function freshTensor({ dims, initialiser }: Pick<Parameter, "dims" | "initialiser">, random: Random): Tensor {
  const values = new Float32Array(elementCount(dims));
  const draw = drawer(initialiser, dims, random);
  for (let index = 0; index < values.length; index++) values[index] = draw();
  return float32Tensor(dims, values);
}

function drawer(initialiser: Initialiser, dims: readonly number[], random: Random): () => number {
  switch (initialiser.kind) {
    case "constant":
      return () => initialiser.value;
    case "fan-in-uniform": {
      const bound = Math.sqrt(1 / (initialiser.fanIn ?? fans(dims).in));
      return () => bound * (2 * random.next() - 1);
    }
    case "kaiming-normal":
      return scaled(normals(random), Math.sqrt(2 / fans(dims)[initialiser.fan]));
    case "normal":
      return scaled(normals(random), initialiser.std);
    case "truncated-normal":
      return scaled(within(normals(random), 2), initialiser.std);
  }
}

/** The number of inputs of each output, and of outputs of each input, counted as in PyTorch's `_calculate_fan_in_and_fan_out`. */
function fans(dims: readonly number[]): { readonly in: number; readonly out: number } {
  if (dims.length < 2) throw new RangeError(`A parameter of shape [${dims}] has no fan.`);
  const field = elementCount(dims.slice(2));
  return { in: dims[1]! * field, out: dims[0]! * field };
}

const scaled = (draw: () => number, factor: number) => (): number => factor * draw();

/** Draws values beyond ±`limit` again. */
const within = (draw: () => number, limit: number) => (): number => {
  for (;;) {
    const value = draw();
    if (Math.abs(value) <= limit) return value;
  }
};
