/** The rule for the fully connected operator. */
import { FULLY_CONNECTED_OPTIONS } from "../schema.ts";
import { biasOf, inputOf, inputOfRank, type Rule, weightsOf } from "./rule.ts";

/** Weights are `[D out, D in]`; the input is read as rows of `D in` numbers, in the file's order. */
export const fullyConnected: Rule = {
  convert(operation, graph) {
    const { activation, weightsFormat } = operation.options(FULLY_CONNECTED_OPTIONS);
    if (weightsFormat !== 0) throw operation.error("has shuffled weights: export the network for any processor");
    const features = inputOf(operation, 0);
    const filter = inputOfRank(operation, 1, 2);
    const [outputs, width] = filter.dims as readonly [number, number];
    const areRows = features.dims.length === 2 && features.dims[1] === width;
    const rows = areRows ? graph.read(features) : graph.shaped(graph.readInFileOrder(features), [1, width]);
    const value = graph.add("Gemm", [rows, weightsOf(operation, graph, filter), ...biasOf(operation, graph, outputs)], {
      transB: 1,
    });
    const flat = operation.output.dims.length === 2;
    return { value: flat ? value : graph.shaped(value, operation.output.dims), activation };
  },
};
