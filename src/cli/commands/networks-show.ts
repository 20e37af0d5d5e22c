/** `graft networks show`: a network's inputs and outputs, cost, stages and cut. Downloads nothing. */
import { Command } from "commander";
import * as v from "valibot";
import { GraftError } from "../../base/errors.ts";
import { flag, optionsOf } from "../../base/options.ts";
import type { Value } from "../../graph/model.ts";
import { big, count } from "../../report/format.ts";
import { type CatalogueEntry, catalogue, weightsSourceOf } from "../../zoo/catalogue.ts";
import { type Inspection, inspect } from "../../zoo/inspect.ts";
import { modelEntries } from "../../zoo/model-options.ts";
import type { Network } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { weights } from "../../zoo/open-options.ts";
import { type Preprocessing, preprocessingPresets } from "../../zoo/preprocessing.ts";
import { withSchema } from "../flags.ts";
import { percent, print, printJson, table } from "../output.ts";

const showFlags = optionsOf({ weights: v.optional(weights), ...modelEntries, json: v.optional(flag, false) });

type ShowFlags = v.InferOutput<typeof showFlags>;

const presets = Object.keys(preprocessingPresets).join(", ");

export function showCommand(): Command {
  const command = new Command("show")
    .description("show a network's inputs, outputs, cost, stages and cut; downloads nothing")
    .argument("<network>", "a name from the list, or an .onnx file")
    .option("--weights <file>", "your own weights for the architecture with that name")
    .option("--cut <tensor>", "where the backbone ends")
    .option("--preprocessing <preset>", `the preprocessing of an .onnx file: ${presets}`)
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  graft networks show resnet50\n  graft networks show my-network.onnx --preprocessing imagenet",
    );
  return withSchema(command, showFlags, show);
}

async function show({ json, ...flags }: ShowFlags, name: string): Promise<void> {
  const entry = flags.weights === undefined ? catalogue.find((row) => row.name === name) : undefined;
  const network = entry ? await fromDisk(entry, flags) : await openNetwork(name, { ...flags, offline: true });
  if (!network) return showRow(entry!, json);
  const inspection = await inspect(network);
  if (json) printJson({ fetched: true, ...inspection });
  else printInspection(inspection, entry === undefined);
}

/** The network from the cache; undefined if it would have to be downloaded. */
async function fromDisk(entry: CatalogueEntry, flags: Omit<ShowFlags, "json">): Promise<Network | undefined> {
  try {
    return await openNetwork(entry.name, { ...flags, offline: true });
  } catch (error) {
    if (error instanceof GraftError && error.kind === "work") return undefined;
    throw error;
  }
}

/** The catalogue's facts about a network that is not on this disk. */
function showRow(row: CatalogueEntry, json: boolean): void {
  if (json) {
    printJson({ fetched: false, ...row, source: weightsSourceOf(row) });
    return;
  }
  print(`${row.name}: ${row.description}`);
  print(`${label("licence")}${row.licence}`);
  print(`${label("source")}${weightsSourceOf(row)}`);
  if (row.top1) print(`${label("top-1")}${row.top1.percent}% on ImageNet, according to ${row.top1.source}`);
  print(`${label("input")}${row.inputSize} × ${row.inputSize} pixels`);
  print(`${label("parameters")}${count(row.parameters)}`);
  print(`${label("multiply-adds")}${big(row.multiplyAdds)} per image`);
  print(`${label("pixels")}${pixels(row.preprocessing)}; from the catalogue`);
  print(`${label("features")}${count(row.features)}`);
  print(
    `${label("weights")}not on this disk: \`graft networks pull ${row.name}\` downloads ${Math.round(row.download / 1e6)} MB; then this command shows more`,
  );
}

const label = (text: string): string => text.padEnd(14);

function printInspection(of: Inspection, isFile: boolean): void {
  print(`${of.name}: ${of.description}`);
  print(`${label("licence")}${of.licence}`);
  print(`${label("source")}${of.source}, SHA-256 ${of.sha256}`);
  print(`${label("producer")}${of.producer ?? "unknown"}; operator set ${of.opset}, ${count(of.nodes)} nodes`);
  print(`${label("input")}${of.inputs.map(declared).join(", ")}`);
  print(`${label("output")}${of.outputs.map(declared).join(", ")}`);
  print(`${label("parameters")}${count(of.parameters)}`);
  print(
    `${label("multiply-adds")}${big(of.multiplyAdds)} per image of ${of.preprocessing.size} × ${of.preprocessing.size}`,
  );
  const remedy = isFile ? `; change it with --preprocessing (${presets})` : "";
  print(`${label("pixels")}${pixels(of.preprocessing)}`);
  print(`${label("")}from ${of.preprocessingFrom}${remedy}`);
  print(`${label("cut")}${of.cut}`);
  print(`${label("")}${of.why}`);
  print(`${label("features")}${count(of.features)}: ${of.pooled}`);
  for (const change of of.changes) print(`${label("changed")}${change}`);
  print();
  print(stageTable(of));
}

const declared = ({ name, type, dims }: Value): string =>
  `${name} ${type ?? ""} [${(dims ?? []).map((dim) => dim ?? "?").join(", ")}]`;

/** The preprocessing in one line. */
function pixels({ size, fit, interpolation, channels, mean, std, layout }: Preprocessing): string {
  const how = fit.kind === "stretch" ? "stretched" : `centre crop (${percent(fit.fraction)} of the shorter side)`;
  const numbers = (values: readonly number[]): string => [...new Set(values)].join(", ");
  const scale = `(${channels.toUpperCase()} from 0 to 255 − [${numbers(mean)}]) ÷ [${numbers(std)}]`;
  return `${size} × ${size}, ${how}, ${interpolation}; ${scale}; ${layout.toUpperCase()}`;
}

/** The stages, and what comes after the cut. */
function stageTable({ stages, parameters, multiplyAdds }: Inspection): string[] {
  const row = (name: string, shape: readonly number[], own: number, work: number, output: string): string[] => [
    name,
    shape.join(" × "),
    count(own),
    percent(parameters > 0 ? own / parameters : 0),
    count(work),
    percent(multiplyAdds > 0 ? work / multiplyAdds : 0),
    output,
  ];
  const rest = (of: "parameters" | "multiplyAdds", all: number): number =>
    all - stages.reduce((sum, one) => sum + one[of], 0);
  return table([
    ["stage", "output shape", "parameters", "", "multiply-adds", "", "last tensor"],
    ...stages.map((stage) => row(stage.name, stage.shape, stage.parameters, stage.multiplyAdds, stage.output)),
    row("(after the cut)", [], rest("parameters", parameters), rest("multiplyAdds", multiplyAdds), ""),
  ]);
}
