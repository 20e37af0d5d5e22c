/**
 * The options of `openNetwork` and of opening an ONNX file: their types and the schemas that check them, in Node and in a page. Opens
 * nothing.
 */
import * as v from "valibot";
import {
  callOf,
  checked,
  type Described,
  flag,
  listenerEntries,
  oneOf,
  optionsOf,
  text,
} from "../base/option-schemas.ts";
import type { OnProgress } from "../base/progress.ts";
import type { ModelOptions } from "./imported/model-network.ts";
import { type PresetName, preprocessingPresets } from "./preprocessing/preprocessing.ts";

/** The name of a preprocessing preset. */
export const preprocessing = oneOf(Object.keys(preprocessingPresets) as PresetName[]);

export const cut = text("the name of a tensor");

export const modelEntries = {
  cut: v.optional(cut),
  preprocessing: v.optional(preprocessing),
} satisfies Described<ModelOptions>;

// The options of `openNetwork`.

export interface OpenOptions extends ModelOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Uses only files in the cache; nothing is downloaded. Default false. */
  readonly offline?: boolean | undefined;
  /**
   * A file of weights, on this disk or of a hub (`hf:OWNER/NAME/FILE`), for an architecture that Graft builds. The name passed to
   * `openNetwork` is then the architecture's.
   */
  readonly weights?: string | undefined;
}

export const networkName = text("a name of the catalogue or the path of an .onnx file");
export const weights = text("the path of a file of weights, or hf:OWNER/NAME/FILE");

const schema = optionsOf({
  ...modelEntries,
  weights: v.optional(weights),
  offline: v.optional(flag),
  onProgress: listenerEntries.onProgress,
} satisfies Described<OpenOptions>);

/** The options of a call of `openNetwork`, checked. Throws a GraftError (`usage`) if one does not fit. */
export const checkedOpenOptions = (options: OpenOptions): OpenOptions =>
  checked(schema, options, callOf("openNetwork"));
