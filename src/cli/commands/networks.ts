/** `graft networks`: which networks there are, what one is made of, and fetching one ahead of time. */
import { Command } from "commander";
import { catalogue } from "../../zoo/catalogue.ts";
import { countParameters } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { print, printJson, table, withProgress } from "../output.ts";

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
        .action(show),
    )
    .addCommand(
      new Command("show")
        .description("what a network takes and yields, and where it would be cut")
        .argument("<network>", "a name from the list, or an .onnx file")
        .option("--json", "print one JSON object")
        .action(show),
    )
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

async function show(name: string, { json }: { json?: boolean }): Promise<void> {
  const network = await withProgress((line) => openNetwork(name, { onProgress: line.show }));
  const { model, preprocessing, cut, sha256, licence, source, description } = network;
  const facts = {
    name: network.name,
    description,
    licence,
    source,
    sha256,
    parameters: countParameters(model),
    inputs: model.graph.inputs,
    outputs: model.graph.outputs,
    nodes: model.graph.nodes.length,
    opset: model.opsets.get(""),
    preprocessing,
    cut,
  };
  if (json) return printJson(facts);
  for (const [key, value] of Object.entries(facts))
    print(`${key.padEnd(14)} ${typeof value === "object" ? JSON.stringify(value) : value}`);
}
