/** `graft networks list`: the catalogue as a table, sorted and filtered, with this machine's measurements. */
import { Command } from "commander";
import * as v from "valibot";
import { knownSpeeds } from "../../advise/costs/remembered.ts";
import { above, flag, oneOf, optionsOf } from "../../base/options.ts";
import { type CatalogueEntry, catalogue, weightsSourceOf } from "../../zoo/catalogue.ts";
import { isOnDisk } from "../../zoo/pull.ts";
import { bytes, multiplyAdds, withSchema } from "../flags.ts";
import { note, print, printJson, table } from "../output.ts";

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
