/** Opens a network by its catalogue name or by the path of a file. The only way in: everything else is called from here. */
import { existsSync } from "node:fs";
import { usageError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { checkedArgument } from "../base/options.ts";
import { inSentences } from "../base/system-errors.ts";
import { shown } from "../base/text.ts";
import { catalogue, catalogued } from "./catalogue.ts";
import { openFile } from "./file.ts";
import type { Network } from "./network.ts";
import { checkedOpenOptions, networkName, type OpenOptions } from "./open-options.ts";
import { openWithWeights } from "./pretrained.ts";
import { openEntry } from "./pull.ts";

/**
 * Opens a network.
 *
 * @param name a name from the catalogue, or the path of an `.onnx` file
 * @throws GraftError (`usage`) if there is no such network or file, or an option does not fit; (`data`) if the file is not a network
 *   that Graft can use; (`work`) if a download fails
 */
export const openNetwork = async (name: string, options: OpenOptions = {}): Promise<Network> =>
  inSentences(() =>
    openChecked(checkedArgument(networkName, name, "The first argument of openNetwork"), checkedOpenOptions(options)),
  );

async function openChecked(name: string, options: OpenOptions): Promise<Network> {
  if (options.weights !== undefined) return openWithWeights(name, options.weights, options);
  const entry = catalogued(name);
  if (entry && options.preprocessing !== undefined)
    throw usageError(
      `The preprocessing of ${name} is in the catalogue: leave preprocessing out; it is for .onnx files and your own weights.`,
    );
  if (entry) return openEntry(entry, options);
  if (name.endsWith(".onnx") || existsSync(name)) return openFile(name, options);
  const near = nearest(
    name,
    catalogue.map((row) => row.name),
  );
  throw usageError(
    `Unknown network ${shown(name)}; did you mean ${near.join(", ")}? \`graft networks list\` shows all of them; the path of an .onnx file works too.`,
  );
}
