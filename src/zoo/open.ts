/** Opening a network by its catalogue name or by a file's path: the one entrance to the zoo. */
import { existsSync } from "node:fs";
import { usageError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { OnProgress } from "../base/progress.ts";
import { catalogue } from "./catalogue.ts";
import { type FileOptions, openFile } from "./file.ts";
import type { Network } from "./network.ts";
import { openEntry } from "./pull.ts";
import { openWeighted } from "./weighted.ts";

export interface OpenOptions extends FileOptions {
  readonly onProgress?: OnProgress;
  /** Use only what is in the cache. */
  readonly offline?: boolean;
  /**
   * A file of weights, on this disk or of a hub (`hf:OWNER/NAME/FILE`), for an architecture that Graft builds; the name is
   * then the architecture's.
   */
  readonly weights?: string;
}

/**
 * Opens a network.
 *
 * @param name a name from the catalogue, or the path of an `.onnx` file
 * @throws GraftError (`usage`) where there is no such network or file
 */
export async function openNetwork(name: string, options: OpenOptions = {}): Promise<Network> {
  if (options.weights !== undefined) return openWeighted(name, options.weights, options);
  const entry = catalogue.find((row) => row.name === name);
  if (entry) return openEntry(entry, options);
  if (name.endsWith(".onnx") || existsSync(name)) return openFile(name, options);
  const near = nearest(
    name,
    catalogue.map((row) => row.name),
  );
  throw usageError(
    `There is no network "${name}": the nearest are ${near.join(", ")}; \`graft networks list\` shows all, and the path of an .onnx file is one too.`,
  );
}
