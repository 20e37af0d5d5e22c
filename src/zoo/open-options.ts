/** The options of `openNetwork`, each described once. */
import * as v from "valibot";
import { callOf, checked, type Described, flag, listenerEntries, optionsOf, text } from "../base/options.ts";
import { modelEntries } from "./model-options.ts";
import type { OpenOptions } from "./open.ts";

export const networkName = text("a name of the catalogue or the path of an .onnx file");
export const weights = text("the path of a file of weights, or hf:OWNER/NAME/FILE");

const schema = optionsOf({
  ...modelEntries,
  weights: v.optional(weights),
  offline: v.optional(flag),
  onProgress: listenerEntries.onProgress,
} satisfies Described<OpenOptions>);

/** @throws GraftError (`usage`) */
export const checkedOpenOptions = (options: OpenOptions): OpenOptions =>
  checked(schema, options, callOf("openNetwork"));
