/** `graft sample`: lays out a sample dataset to try things on. */
import { Command } from "commander";
import { layOutSample } from "../../data/sample/lay-out.ts";
import { findSample, samples } from "../../data/sample/samples.ts";
import { print, printJson, withProgress } from "../output.ts";

export function sampleCommand(): Command {
  return new Command("sample")
    .description("lay out a sample dataset as class folders")
    .argument("[name]", `which sample: ${samples.map((sample) => sample.name).join(", ")}`, "emoji")
    .argument("[folder]", "where to put it (default: a folder of the sample's name)")
    .option("--offline", "use only what is in the cache")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  graft sample emoji ./emoji && graft train ./emoji")
    .action(
      async (name: string, folder: string | undefined, { json, offline }: { json?: boolean; offline?: boolean }) => {
        const result = await withProgress((line) =>
          layOutSample(findSample(name), folder ?? name, { onProgress: line.show, ...(offline ? { offline } : {}) }),
        );
        if (json) return printJson(result);
        print(`${result.images} pictures of ${result.classes.length} classes are in ${result.folder}.`);
      },
    );
}
