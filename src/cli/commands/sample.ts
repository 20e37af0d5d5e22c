/** `graft sample`: lays out a sample dataset to try things on. */
import type { Command } from "commander";
import * as v from "valibot";
import { flag, optionsOf } from "../../base/options.ts";
import { layOutSample } from "../../data/sample/lay-out.ts";
import { findSample, samples } from "../../data/sample/samples.ts";
import { withSchema } from "../flags.ts";
import { print, printJson, withProgress } from "../output.ts";

const sampleFlags = optionsOf({ offline: v.optional(flag), json: v.optional(flag, false) });

export function sampleCommand(command: Command): Command {
  command
    .argument("[name]", `which sample: ${samples.map((sample) => sample.name).join(", ")}`, "emoji")
    .argument("[folder]", "where to put it (default: a folder of the sample's name)")
    .option("--offline", "use only what is in the cache")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  graft sample emoji ./emoji && graft train ./emoji");
  return withSchema(command, sampleFlags, layOut);
}

async function layOut(
  { json, offline }: v.InferOutput<typeof sampleFlags>,
  name: string,
  folder: string = name,
): Promise<void> {
  const result = await withProgress((line) =>
    layOutSample(findSample(name), folder, { onProgress: line.show, ...(offline ? { offline } : {}) }),
  );
  if (json) return printJson(result);
  print(`${result.images} pictures of ${result.classes.length} classes are in ${result.folder}.`);
}
