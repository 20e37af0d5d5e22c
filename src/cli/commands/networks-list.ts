/** `graft networks list`: the catalogue as a table, sorted and filtered, with what this machine knows of each network. */
import { Command, InvalidArgumentError, Option } from "commander";
import { type CatalogueEntry, catalogue, placeOf } from "../../zoo/catalogue.ts";
import { isOnDisk } from "../../zoo/pull.ts";
import { knownSpeeds } from "../../zoo/speeds.ts";
import { bytes, multiplyAdds } from "../options.ts";
import { note, print, printJson, table } from "../output.ts";

interface Row extends CatalogueEntry {
  readonly onDisk: boolean;
  /** On this machine, where a training has told. */
  readonly imagesPerSecond: number | undefined;
}

/** What rows may be sorted by; the smallest first where that is the better. */
const orders: Readonly<Record<string, (a: Row, b: Row) => number>> = {
  name: (a, b) => (a.name < b.name ? -1 : 1),
  size: (a, b) => a.download - b.download,
  parameters: (a, b) => a.parameters - b.parameters,
  flops: (a, b) => a.multiplyAdds - b.multiplyAdds,
  top1: (a, b) => (b.top1?.percent ?? 0) - (a.top1?.percent ?? 0),
  speed: (a, b) => (b.imagesPerSecond ?? 0) - (a.imagesPerSecond ?? 0),
};

interface ListFlags {
  readonly maxSize?: number;
  readonly maxFlops?: number;
  readonly licence?: string;
  readonly family?: string;
  readonly sort?: string;
  readonly json?: boolean;
}

export function listCommand(): Command {
  return new Command("list")
    .description("the networks that Graft knows by name")
    .option("--max-size <bytes>", "only networks of at most this many bytes to fetch, such as 20MB", bytes)
    .option("--max-flops <n>", "only networks of at most this many multiply-adds a picture, such as 600M", multiplyAdds)
    .option("--licence <name>", "only networks under this licence, such as MIT", licenceName)
    .option("--family <name>", "only networks of this family, such as resnet", familyName)
    .addOption(new Option("--sort <by>", "the order of the rows").choices(Object.keys(orders)))
    .option("--json", "print one JSON array")
    .addHelpText(
      "after",
      "\nExamples:\n  graft networks list --max-size 20MB --sort top1\n  graft networks list --licence apache-2.0 --max-flops 1G",
    )
    .action(list);
}

/** One of the values that a column has, whatever its case. */
function oneOf(column: (entry: CatalogueEntry) => string, text: string): string {
  const values = [...new Set(catalogue.map(column))];
  const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw new InvalidArgumentError(`Choose one of ${values.join(", ")}.`);
  return found;
}
const licenceName = (text: string): string => oneOf(({ licence }) => licence, text);
const familyName = (text: string): string => oneOf(({ family }) => family, text);

async function list({ json, sort, maxSize, maxFlops, licence, family }: ListFlags): Promise<void> {
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
  else if (rows.length === 0) note("No network of the catalogue fits: ask for less.");
  else print(table([HEADER, ...rows.map(cells)]));
}

const asJson = (row: Row): object => ({ ...row, source: placeOf(row) });

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
