/** Opening a network by its catalogue name or by a file's path: the one entrance to the zoo. */
import { existsSync } from "node:fs";
import { usageError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { checkedArgument } from "../base/options.ts";
import { inSentences } from "../base/system-errors.ts";
import { shown } from "../base/text.ts";
import { catalogue } from "./catalogue.ts";
import { openFile } from "./file.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";
import { checkedOpenOptions, networkName } from "./open-options.ts";
import { openEntry } from "./pull.ts";
import { openWeighted } from "./weighted.ts";

/**
 * Opens a network.
 *
 * @param name a name from the catalogue, or the path of an `.onnx` file
 * @throws GraftError (`usage`) where there is no such network or file, or an option does not fit; as each kind of network says
 */
export const openNetwork = async (name: string, options: OpenOptions = {}): Promise<Network> =>
  inSentences(() =>
    openChecked(checkedArgument(networkName, name, "The first argument of openNetwork"), checkedOpenOptions(options)),
  );

async function openChecked(name: string, options: OpenOptions): Promise<Network> {
  if (options.weights !== undefined) return openWeighted(name, options.weights, options);
  const entry = catalogue.find((row) => row.name === name);
  if (entry && options.preprocessing !== undefined)
    throw usageError(
      `The catalogue says how ${name} wants its pixels: leave preprocessing out; it is for .onnx files and weights of your own.`,
    );
  if (entry) return openEntry(entry, options);
  if (name.endsWith(".onnx") || existsSync(name)) return openFile(name, options);
  const near = nearest(
    name,
    catalogue.map((row) => row.name),
  );
  throw usageError(
    `There is no network ${shown(name)}: the nearest are ${near.join(", ")}; \`graft networks list\` shows all, and the path of an .onnx file is one too.`,
  );
}
