/** `graft networks`: lists networks, inspects one, downloads one in advance. */
import { Command } from "commander";
import * as v from "valibot";
import { flag, optionsOf } from "../../base/options.ts";
import { count } from "../../report/format.ts";
import { countParameters } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { withSchema } from "../flags.ts";
import { print, printJson, withProgress } from "../output.ts";
import { listCommand } from "./networks-list.ts";
import { showCommand } from "./networks-show.ts";

export function networksCommand(command: Command): Command {
  return command
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(
      withSchema(
        new Command("pull")
          .description("download a network into the cache, for offline use")
          .argument("<name>", "a name from the list")
          .option("--json", "print one JSON object"),
        pullFlags,
        pull,
      ),
    )
    .addCommand(showCommand())
    .addHelpText(
      "after",
      "\nExamples:\n  graft networks list --max-size 50MB --sort top1\n  graft networks show resnet50\n  graft networks show my-network.onnx",
    );
}

const pullFlags = optionsOf({ json: v.optional(flag, false) });

async function pull({ json }: v.InferOutput<typeof pullFlags>, name: string): Promise<void> {
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
