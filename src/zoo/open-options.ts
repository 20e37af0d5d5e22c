/** The options of `openNetwork`, each described once. */
import * as v from "valibot";
import { callOf, checked, type Described, flag, listenerEntries, optionsOf, text } from "../base/options.ts";
import type { OnProgress } from "../base/progress.ts";
import type { FileOptions } from "./file.ts";
import { modelEntries } from "./model-options.ts";

export interface OpenOptions extends FileOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Use only what is in the cache. */
  readonly offline?: boolean | undefined;
  /**
   * A file of weights, on this disk or of a hub (`hf:OWNER/NAME/FILE`), for an architecture that Graft builds; the name is
   * then the architecture's.
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

/** @throws GraftError (`usage`) */
export const checkedOpenOptions = (options: OpenOptions): OpenOptions =>
  checked(schema, options, callOf("openNetwork"));
