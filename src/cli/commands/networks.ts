/** `graft networks`: which networks there are, what one is made of, and fetching one ahead of time. */
import { Command } from "commander";
import { count } from "../../report/format.ts";
import { countParameters } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { print, printJson, withProgress } from "../output.ts";
import { listCommand } from "./networks-list.ts";
import { showCommand } from "./networks-show.ts";

export function networksCommand(): Command {
  return new Command("networks")
    .description("list, fetch and inspect pretrained networks")
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(
      new Command("pull")
        .description("fetch a network into the cache, for work without the internet")
        .argument("<name>", "a name from the list")
        .option("--json", "print one JSON object")
        .action(pull),
    )
    .addCommand(showCommand())
    .addHelpText(
      "after",
      "\nExamples:\n  graft networks list --max-size 50MB --sort top1\n  graft networks show resnet50\n  graft networks show my-network.onnx",
    );
}

async function pull(name: string, { json }: { json?: boolean }): Promise<void> {
  const { model, ...network } = await withProgress((line) => openNetwork(name, { onProgress: line.show }));
  const facts = {
    name: network.name,
    sha256: network.sha256,
    source: network.source,
    parameters: countParameters(model),
  };
  if (json) return printJson(facts);
  print(`${network.name} is on this disk: ${count(facts.parameters)} parameters, from ${network.source}.`);
}
