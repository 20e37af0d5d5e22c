/**
 * Turns command-line arguments into checked options, and reads a command's dataset. Commander splits the arguments, the readers
 * here convert values (numbers, sizes, times), and the library's schemas validate them.
 */

import { type Command, InvalidArgumentError } from "commander";
import type * as v from "valibot";
import { checked, type Door } from "../base/option-schemas.ts";
import { escaped, named } from "../base/text.ts";
import {
  type Dataset,
  type DiscoverOptions,
  discoverDataset,
  type Ignored,
  withTestFolder,
} from "../data/dataset/discover.ts";
import { note, withProgress } from "./output.ts";

/** `learningRate` → `--learning-rate`; an item of a list has the flag of its list. */
const flagOf = (path: string): string =>
  `--${path.replace(/\[\d+\]$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** How error messages name options on the command line. */
export const commandLine: Door = { whole: "The command", subject: flagOf, option: flagOf };

type FlagSchema<T> = v.GenericSchema<unknown, T> & { readonly entries: Readonly<Record<string, unknown>> };

/**
 * Gives a command its action, which receives options checked by a schema. The schema's defaults appear in the help.
 *
 * @param action receives the options, then the command's arguments
 */
export function withSchema<T, A extends readonly unknown[]>(
  command: Command,
  schema: FlagSchema<T>,
  action: (flags: T, ...args: A) => Promise<void>,
): Command {
  for (const option of command.options) {
    const entry = schema.entries[option.attributeName()] as { readonly default?: unknown } | undefined;
    if (entry === undefined) throw new TypeError(`No schema describes ${option.flags}.`);
    const { default: standard } = entry;
    if (["string", "number"].includes(typeof standard) && option.defaultValue === undefined)
      option.description += ` (default: ${units.get(option.parseArg)?.(standard) ?? JSON.stringify(standard)})`;
  }
  return command.action((...given: unknown[]) => {
    // Commander appends the options and itself.
    const args = given.slice(0, -2) as unknown as A;
    return action(checked(schema, given.at(-2), commandLine), ...args);
  });
}

/** Reads a number; other text stays text, and the schema rejects it. */
export const number = (text: string): number | string =>
  /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : text;

/** Collects an option that may be given several times. */
export const several = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Splits a list at its commas. */
export const commaSeparated = (text: string): string[] => text.split(",").map((word) => word.trim());

/** Writes the default of a quantity with its unit, by the quantity's reader. */
const units = new Map<unknown, (value: unknown) => string>();

/** Makes a reader of quantities such as `20MB`: a number with one of the units, multiplied by its factor. */
const quantity = (factors: Readonly<Record<string, number>>, example: string) => {
  const read = (text: string): number => {
    const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
    const factor = Object.entries(factors).find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1];
    if (amount === "" || factor === undefined) {
      throw new InvalidArgumentError(
        `Expected a number with a unit (${Object.keys(factors).join(", ")}), such as ${example}.`,
      );
    }
    return Number(amount) * factor;
  };
  const largestFirst = Object.entries(factors).sort(([, a], [, b]) => b - a);
  units.set(read, (value) => {
    const [unit, factor] = largestFirst.find(([, one]) => Number(value) % one === 0) ?? ["", 1];
    return `${Number(value) / factor}${unit}`;
  });
  return read;
};

/** Bytes: `20MB`. */
export const bytes = quantity({ kB: 1e3, MB: 1e6, GB: 1e9, B: 1 }, "20MB");

/** Multiply-adds: `600M`, `4G`. */
export const multiplyAdds = quantity({ M: 1e6, G: 1e9, k: 1e3, T: 1e12 }, "600M");

/** Pixels: `50M`. */
export const pixels = quantity({ M: 1e6, k: 1e3 }, "50M");

/** Seconds: `90s`, `2m`, `1h`. */
export const seconds = quantity({ s: 1, m: 60, h: 3600 }, "2m");

/** Seconds of a long period: `12h`, `30d`. */
export const age = quantity({ h: 3600, d: 86_400, w: 604_800 }, "30d");

/** Milliseconds: `5ms`, `30s`. */
export const milliseconds = quantity({ ms: 1, s: 1000, m: 60_000 }, "5ms");

/** Escapes commander's messages for the terminal, because they repeat the user's arguments. Line breaks stay. */
export const escapedLines = (text: string): string => text.split("\n").map(escaped).join("\n");

// Reading a command's dataset: progress while an archive is unpacked, notes about decisions and left-out files.

export interface ReadOptions extends Pick<DiscoverOptions, "purpose" | "known"> {
  /** A separate folder of test images. */
  readonly test?: string | undefined;
}

/** Reads a dataset and writes notes about it to stderr. */
export async function readDataset(path: string, { test, ...options }: ReadOptions = {}): Promise<Dataset> {
  const dataset = await withProgress(async ({ show: onProgress }) => {
    const found = await discoverDataset(path, { ...options, onProgress });
    return test === undefined ? found : withTestFolder(found, test, { onProgress });
  });
  note(dataset.notes ?? []);
  note(leftOut(dataset.ignored));
  return dataset;
}

/** The number of reasons to name; the others are counted together. */
const SHOWN = 4;

/** The left-out files, one line per reason: how many, and the first of them. */
export function leftOut(ignored: readonly Ignored[]): string[] {
  const kinds = new Map<Ignored["kind"], Ignored[]>();
  for (const one of ignored) {
    const own = kinds.get(one.kind);
    if (own) own.push(one);
    else kinds.set(one.kind, [one]);
  }
  // Possible mistakes come before files that systems leave behind.
  const rows = [...kinds.values()].sort((a, b) => Number(isLitter(a[0]!)) - Number(isLitter(b[0]!)));
  const lines = rows.slice(0, SHOWN).map((all) => {
    const { path, reason } = all[0]!;
    return `Left out: ${all.length === 1 ? "" : `${all.length}, such as `}${named(path, 300)} (${reason}).`;
  });
  const rest = rows.slice(SHOWN).reduce((sum, all) => sum + all.length, 0);
  return rest > 0 ? [...lines, `Left out for other reasons: ${rest}; --json lists all.`] : lines;
}

const isLitter = ({ kind }: Ignored): boolean => kind === "litter" || kind === "own";
