/** For tests: the novelty part of an artifact as a model of its own. */
import type { OodDetector } from "../model/artifact-graph.ts";
import { oodScoreGraph } from "../model/artifact-graph.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { modelOf } from "../onnx/model.ts";

export const FEATURES_INPUT = "features";

export const PROBABILITIES_INPUT = "probabilities";

export const oodModel = (novelty: OodDetector, columns: number, classes: number): Uint8Array =>
  encodeModelWhole(modelOf(oodScoreGraph(novelty, columns, classes)));
