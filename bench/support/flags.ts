/** A bench's own flags: a few names with defaults, all given as `--name value`. */
import { parseArgs } from "node:util";
import { messageOf } from "../../src/base/errors.ts";

/** The command line does not fit the bench. */
export class WrongFlags extends Error {}

/** Reads flags over their defaults; a default that is a number takes whole numbers from 1 only. */
export function readFlags<T extends Readonly<Record<string, string | number>>>(
  given: readonly string[],
  defaults: T,
): { [K in keyof T]: T[K] extends number ? number : string } {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" as const }]));
  let values: Readonly<Record<string, unknown>>;
  try {
    ({ values } = parseArgs({ args: [...given], options, strict: true }));
  } catch (error) {
    throw new WrongFlags(messageOf(error));
  }
  const read = ([name, fallback]: [string, string | number]): [string, string | number] => {
    const value = values[name];
    if (value === undefined) return [name, fallback];
    if (typeof fallback === "string") return [name, String(value)];
    if (!/^[1-9]\d{0,5}$/.test(String(value))) throw new WrongFlags(`--${name} takes a whole number from 1.`);
    return [name, Number(value)];
  };
  return Object.fromEntries(Object.entries(defaults).map(read)) as {
    [K in keyof T]: T[K] extends number ? number : string;
  };
}
