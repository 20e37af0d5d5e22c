/** `graft networks`: lists networks, inspects one, downloads one in advance. */

import { Command } from "commander";
import * as v from "valibot";
import { knownSpeeds } from "../../advise/recommend/network-cost.ts";
import { GraftError } from "../../base/errors.ts";
import { above, flag, oneOf, optionsOf } from "../../base/option-schemas.ts";
import { type CatalogueEntry, catalogue, weightsSourceOf } from "../../networks/catalogue/catalogue.ts";
import { countParameters, type Network } from "../../networks/network.ts";
import { type Inspection, inspect, isOnDisk, openNetwork } from "../../networks/open.ts";
import { modelEntries, weights } from "../../networks/open-options.ts";
import { type Preprocessing, preprocessingPresets } from "../../networks/preprocessing/preprocessing.ts";
import type { Value } from "../../onnx/model.ts";
import { big, count } from "../../report/html.ts";
import { bytes, multiplyAdds, withSchema } from "../flags.ts";
import { note, percent, print, printJson, table, withProgress } from "../output.ts";

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

// `graft networks list`: the catalogue as a table, sorted and filtered, with this machine's measurements.

interface Row extends CatalogueEntry {
  readonly onDisk: boolean;
  /** Measured on this machine by an earlier training. */
  readonly imagesPerSecond: number | undefined;
}

/** The sort orders of rows, best first. */
const orders = {
  name: (a, b) => (a.name < b.name ? -1 : 1),
  size: (a, b) => a.download - b.download,
  parameters: (a, b) => a.parameters - b.parameters,
  flops: (a, b) => a.multiplyAdds - b.multiplyAdds,
  top1: (a, b) => (b.top1?.percent ?? 0) - (a.top1?.percent ?? 0),
  speed: (a, b) => (b.imagesPerSecond ?? 0) - (a.imagesPerSecond ?? 0),
} satisfies Readonly<Record<string, (a: Row, b: Row) => number>>;

/** One of the values of a column, in any case. */
function oneOfColumn(column: (entry: CatalogueEntry) => string) {
  const values = [...new Set(catalogue.map(column))];
  const found = (text: string): string | undefined =>
    values.find((value) => value.toLowerCase() === text.toLowerCase());
  const wanted = `one of ${values.join(", ")}`;
  return v.pipe(
    v.string(wanted),
    v.check((text) => found(text) !== undefined, wanted),
    v.transform((text) => found(text)!),
  );
}

const listFlags = optionsOf({
  maxSize: v.optional(above(0)),
  maxFlops: v.optional(above(0)),
  licence: v.optional(oneOfColumn(({ licence }) => licence)),
  family: v.optional(oneOfColumn(({ family }) => family)),
  sort: v.optional(oneOf(Object.keys(orders) as (keyof typeof orders)[])),
  json: v.optional(flag, false),
});

export function listCommand(): Command {
  const command = new Command("list")
    .description("the networks that Graft knows by name")
    .option("--max-size <bytes>", "only networks with at most this download size, such as 20MB", bytes)
    .option(
      "--max-flops <n>",
      "only networks with at most this many multiply-adds per image, such as 600M",
      multiplyAdds,
    )
    .option("--licence <name>", "only networks with this licence, such as MIT")
    .option("--family <name>", "only networks of this family, such as resnet")
    .option("--sort <by>", `the order of the rows: ${Object.keys(orders).join(", ")}`)
    .option("--json", "print one JSON array")
    .addHelpText(
      "after",
      "\nExamples:\n  graft networks list --max-size 20MB --sort top1\n  graft networks list --licence apache-2.0 --max-flops 1G",
    );
  return withSchema(command, listFlags, list);
}

async function list(flags: v.InferOutput<typeof listFlags>): Promise<void> {
  const { json, sort, maxSize, maxFlops, licence, family } = flags;
  const fits = (entry: CatalogueEntry): boolean =>
    entry.download <= (maxSize ?? Number.POSITIVE_INFINITY) &&
    entry.multiplyAdds <= (maxFlops ?? Number.POSITIVE_INFINITY) &&
    (licence === undefined || entry.licence === licence) &&
    (family === undefined || entry.family === family);
  const speeds = await knownSpeeds();
  const rows: Row[] = await Promise.all(
    catalogue.filter(fits).map(async (entry) => ({
      ...entry,
      onDisk: await isOnDisk(entry),
      imagesPerSecond: speeds.get(entry.name),
    })),
  );
  if (sort !== undefined) rows.sort(orders[sort]);
  if (json) printJson(rows.map(asJson));
  else if (rows.length === 0) note("No network in the catalogue matches: relax the filters.");
  else print(table([HEADER, ...rows.map(cells)]));
}

const asJson = (row: Row): object => ({ ...row, source: weightsSourceOf(row) });

const HEADER = [
  "name",
  "top-1",
  "params",
  "mult-adds",
  "input",
  "download",
  "on disk",
  "images/s",
  "licence",
  "source",
];

const cells = (row: Row): string[] => [
  row.name,
  row.top1 ? `${row.top1.percent.toFixed(1)}%` : "–",
  `${(row.parameters / 1e6).toFixed(1)} M`,
  `${(row.multiplyAdds / 1e9).toPrecision(3)} G`,
  `${row.inputSize} px`,
  `${Math.round(row.download / 1e6)} MB`,
  row.onDisk ? "yes" : "",
  row.imagesPerSecond ? row.imagesPerSecond.toFixed(0) : "–",
  row.licence,
  row.source.kind,
];

// `graft networks show`: a network's inputs and outputs, cost, stages and cut. Downloads nothing.

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
  const { trained, of: values, leftOut } = of.trainable;
  print(`${label("trainable")}${count(trained)} of ${count(values)} weight values before the cut`);
  if (leftOut !== undefined) print(`${label("")}${leftOut}`);
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
