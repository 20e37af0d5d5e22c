/** For tests: the novelty part of an artifact as a model of its own. */
import type { Novelty } from "../artifact/contract.ts";
import { noveltyGraph } from "../artifact/novelty.ts";
import { modelOf } from "../graph/model.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";

export const FEATURES_INPUT = "features";

export const PROBABILITIES_INPUT = "probabilities";

export const noveltyModel = (novelty: Novelty, columns: number, classes: number): Uint8Array =>
  encodeModelWhole(modelOf(noveltyGraph(novelty, columns, classes)));
