/** For tests: the out-of-distribution detector of an artifact as its own model. */
import type { OodDetector } from "../model/artifact-graph.ts";
import { oodScoreGraph } from "../model/artifact-graph.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { modelOf } from "../onnx/model.ts";

export const FEATURES_INPUT = "features";

export const PROBABILITIES_INPUT = "probabilities";

export const oodModel = (detector: OodDetector, columns: number, classes: number): Uint8Array =>
  encodeModelWhole(modelOf(oodScoreGraph(detector, columns, classes)));
