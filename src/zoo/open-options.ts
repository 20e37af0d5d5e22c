/** The options of `openNetwork`: their type and the schema that checks them. */
import * as v from "valibot";
import { callOf, checked, type Described, flag, listenerEntries, optionsOf, text } from "../base/options.ts";
import type { OnProgress } from "../base/progress.ts";
import type { ModelOptions } from "./model-network.ts";
import { modelEntries } from "./model-options.ts";

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
