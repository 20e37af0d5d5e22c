/** `graft cache`: lists, prunes and verifies the cache. */
import { Command } from "commander";
import * as v from "valibot";
import { GraftError } from "../../base/errors.ts";
import { above, flag, listOf, oneOf, optionsOf } from "../../base/option-schemas.ts";
import {
  type CacheEntry,
  type CacheKind,
  cacheKinds,
  listCache,
  type PruneOptions,
  pruneCache,
  verifyCache,
} from "../../cache/manage-cache.ts";
import { age, bytes, commaSeparated, withSchema } from "../flags.ts";
import { print, printJson, table, withProgress } from "../output.ts";
import { interruptible } from "../process.ts";

const kinds = Object.keys(cacheKinds) as CacheKind[];
const common = { kind: v.optional(listOf(oneOf(kinds))), json: v.optional(flag, false) };
const commonFlags = optionsOf(common);
const pruneFlags = optionsOf({
  ...common,
  olderThan: v.optional(above(0)),
  maxSize: v.optional(v.number("a size")),
  dryRun: v.optional(flag, false),
});
const verifyFlags = optionsOf({ ...common, repair: v.optional(flag, false) });
type CommonFlags = v.InferOutput<typeof commonFlags>;

/** A sub-command with the options that all of them have. */
const withCommon = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .option("--kind <names>", `only these, separated by commas: ${kinds.join(", ")}`, commaSeparated)
    .option("--json", "print one JSON object");

export function cacheCommand(command: Command): Command {
  const pruning = withCommon(
    "prune",
    "remove entries by age, size or kind; without any of these, only leftovers of killed processes",
  )
    .option("--older-than <age>", "entries that were not used for this long, such as 12h or 30d", age)
    .option("--max-size <size>", "the least recently used entries, until the rest fits, such as 5GB", bytes)
    .option("--dry-run", "show what would be removed, and remove nothing");
  const verifying = withCommon(
    "verify",
    "compare everything with its checksums; exits with 1 if something is damaged",
  ).option("--repair", "remove damaged entries, so that they are recreated or downloaded again");
  return command
    .addCommand(withSchema(withCommon("size", "bytes by kind"), commonFlags, size), { isDefault: true })
    .addCommand(withSchema(withCommon("list", "all entries"), commonFlags, list))
    .addCommand(withSchema(pruning, pruneFlags, prune))
    .addCommand(withSchema(verifying, verifyFlags, verify))
    .addHelpText(
      "after",
      "\nExamples:\n  graft cache\n  graft cache prune --older-than 30d\n  graft cache prune --kind features,boundary --max-size 5GB\n  graft cache verify",
    );
}

const factsOf = ({ kind, name, path, bytes: size, lastUsed }: CacheEntry) => ({
  ...{ kind, name, path, bytes: size, lastUsed: lastUsed.toISOString() },
});

/** 12,345,678 → "12.3 MB" */
const sizeText = (count: number): string =>
  count >= 1e9
    ? `${(count / 1e9).toFixed(1)} GB`
    : count >= 1e6
      ? `${(count / 1e6).toFixed(1)} MB`
      : `${Math.ceil(count / 1e3)} kB`;

async function size({ kind, json }: CommonFlags): Promise<void> {
  const { folder, bytes: total, entries } = await listCache({ kinds: kind });
  const byKind = Object.entries(cacheKinds)
    .filter(([name]) => kind === undefined || kind.includes(name as CacheKind))
    .map(([name, about]) => {
      const own = entries.filter((entry) => entry.kind === name);
      return { kind: name, about, entries: own.length, bytes: own.reduce((sum, entry) => sum + entry.bytes, 0) };
    });
  if (json) return printJson({ folder, bytes: total, kinds: byKind });
  print(`${folder}: ${sizeText(total)}`);
  const filled = byKind.filter((one) => one.entries > 0);
  if (filled.length === 0) return;
  print();
  print(
    table([
      ["kind", "size", "entries", "content"],
      ...filled.map((one) => [one.kind, sizeText(one.bytes), String(one.entries), one.about]),
    ]),
  );
}

async function list({ kind, json }: CommonFlags): Promise<void> {
  const { folder, bytes: total, entries } = await listCache({ kinds: kind });
  if (json) return printJson({ folder, bytes: total, entries: entries.map(factsOf) });
  if (entries.length === 0) return print(`${folder} is empty.`);
  print(table([["kind", "name", "size", "last used"], ...entries.map(cells)]));
}

const cells = ({ kind, name, bytes: count, lastUsed }: CacheEntry): string[] => [
  kind,
  name,
  sizeText(count),
  lastUsed.toISOString().slice(0, 10),
];

async function prune({ kind, json, olderThan, maxSize, dryRun }: v.InferOutput<typeof pruneFlags>): Promise<void> {
  const options: PruneOptions = { kinds: kind, olderThan, maxBytes: maxSize, dryRun };
  const { removed, kept, freedBytes, leftBytes } = await pruneCache(options);
  if (json)
    return printJson({
      dryRun,
      ...{ freedBytes, leftBytes },
      removed: removed.map(factsOf),
      kept: kept.map(({ entry, reason }) => ({ ...factsOf(entry), reason })),
    });
  for (const { kind: of, name, bytes: count } of removed)
    print(`${dryRun ? "Would remove" : "Removed"} ${of} ${name} (${sizeText(count)})`);
  for (const { entry, reason } of kept) print(`Kept ${entry.kind} ${entry.name}: ${reason}.`);
  print(`${sizeText(freedBytes)} ${dryRun ? "would be freed" : "freed"}, ${sizeText(leftBytes)} left.`);
}

async function verify({ kind, json, repair }: v.InferOutput<typeof verifyFlags>): Promise<void> {
  const signal = interruptible("Stopped before everything was verified.");
  const found = await withProgress((line) => verifyCache({ kinds: kind, repair, onProgress: line.show, signal }));
  const { entries, bytes: total, damaged, repaired } = found;
  if (json)
    printJson({
      ...{ entries, bytes: total },
      damaged: damaged.map(({ entry, path, problem }) => ({ kind: entry.kind, name: entry.name, path, problem })),
      repaired: repaired.map(factsOf),
    });
  else {
    for (const { entry, path, problem } of damaged) print(`Damaged: ${entry.kind} ${entry.name}: ${path}: ${problem}.`);
    print(
      `${entries} entries, ${sizeText(total)}: ${damaged.length === 0 ? "no damage." : `${damaged.length} damaged.`}`,
    );
  }
  const left = damaged.filter(({ entry }) => !repaired.includes(entry));
  if (left.length > 0)
    throw new GraftError(
      "work",
      repair
        ? `${left.length} damaged entries of the cache are in use. Run \`graft cache verify --repair\` again later.`
        : "Parts of the cache are damaged. They are recreated or downloaded again when needed; `graft cache verify --repair` removes them now.",
      { code: "cache-damaged" },
    );
}
