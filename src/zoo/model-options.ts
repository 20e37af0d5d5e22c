/** The options of `openNetwork` and of opening an ONNX file: the schemas that check them, in Node and in a page. */
import * as v from "valibot";
import { type Described, oneOf, text } from "../base/options.ts";
import type { ModelOptions } from "./model-network.ts";
import { type PresetName, preprocessingPresets } from "./preprocessing.ts";

/** The name of a preprocessing preset. */
export const preprocessing = oneOf(Object.keys(preprocessingPresets) as PresetName[]);

export const cut = text("the name of a tensor");

export const modelEntries = {
  cut: v.optional(cut),
  preprocessing: v.optional(preprocessing),
} satisfies Described<ModelOptions>;
