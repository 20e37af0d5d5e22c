/** What may be said of an ONNX file that becomes a network, each option described once; for Node and pages. */
import * as v from "valibot";
import { type Described, oneOf, text } from "../base/options.ts";
import type { ModelOptions } from "./model-network.ts";
import { type PresetName, preprocessingPresets } from "./preprocessing.ts";

/** How pixels become a network's input. */
export const preprocessing = oneOf(Object.keys(preprocessingPresets) as PresetName[]);

export const cut = text("the name of a tensor");

export const modelEntries = {
  cut: v.optional(cut),
  preprocessing: v.optional(preprocessing),
} satisfies Described<ModelOptions>;
