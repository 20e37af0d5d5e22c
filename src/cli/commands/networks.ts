/** `graft networks`: which networks there are, what one is made of, and fetching one ahead of time. */
import { Command } from "commander";
import { count } from "../../report/format.ts";
import { catalogue } from "../../zoo/catalogue.ts";
import { countParameters } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { print, printJson, table, withProgress } from "../output.ts";
import { showCommand } from "./networks-show.ts";

export function networksCommand(): Command {
  return new Command("networks")
    .description("list, fetch and inspect pretrained networks")
    .addCommand(
      new Command("list")
        .description("the networks that Graft knows by name")
        .option("--json", "print one JSON array")
        .action(list),
      { isDefault: true },
    )
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
      "\nExamples:\n  graft networks list\n  graft networks show resnet50\n  graft networks show my-network.onnx",
    );
}

function list({ json }: { json?: boolean }): void {
  const rows = catalogue.map(({ name, description, inputSize, features, download, licence }) => ({
    name,
    inputSize,
    features,
    download,
    licence,
    description,
  }));
  if (json) {
    printJson(rows);
    return;
  }
  print(
    table([
      ["name", "input", "features", "download", "licence", "what it is"],
      ...rows.map((row) => [
        row.name,
        `${row.inputSize} px`,
        String(row.features),
        `${Math.round(row.download / 1e6)} MB`,
        row.licence,
        row.description,
      ]),
    ]),
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
