/** `graft sample`: creates a sample dataset. */
import type { Command } from "commander";
import * as v from "valibot";
import { flag, optionsOf } from "../../base/option-schemas.ts";
import { findSample, layOutSample, samples } from "../../data/samples.ts";
import { withSchema } from "../flags.ts";
import { print, printJson, withProgress } from "../output.ts";

const sampleFlags = optionsOf({ offline: v.optional(flag), json: v.optional(flag, false) });

export function sampleCommand(command: Command): Command {
  command
    .argument("[name]", `name of the sample: ${samples.map((sample) => sample.name).join(", ")}`, "emoji")
    .argument("[folder]", "folder to create (default: the name of the sample)")
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
    layOutSample(findSample(name), folder, { onProgress: line.show, offline }),
  );
  if (json) return printJson(result);
  print(`${result.folder} has ${result.images} images in ${result.classes.length} classes.`);
}
