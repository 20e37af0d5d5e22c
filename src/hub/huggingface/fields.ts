/**
 * Reads fields of untrusted JSON objects with checks of type and bounds. Errors name the file, the field and what it should be.
 * A missing or null field is undefined; a wrong one is an error.
 */
import { dataError } from "../../base/errors.ts";

/** An object with unknown content, and its source for sentences. */
export interface Fields {
  readonly values: Readonly<Record<string, unknown>>;
  readonly source: string;
}

type Check<T> = (value: unknown) => value is T;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Parses JSON text that must be an object. Throws a GraftError (`data`) if it is not. */
export function parseFields(text: string, source: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw dataError(`${source} is not valid JSON: pass --preprocessing, or a file with --weights.`, error);
  }
  if (isObject(parsed)) return { values: parsed, source };
  throw dataError(`${source} is JSON, but not an object: pass --preprocessing, or a file with --weights.`);
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

function optional<T>({ values, source }: Fields, name: string, what: string, check: Check<T>): T | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (check(value)) return value;
  throw dataError(`${source} has ${name} ${show(value)}, which is not ${what}: pass --preprocessing instead.`);
}

/** The value of a required field. Throws a GraftError (`data`) that names the field if it is undefined. */
export function required<T>(value: T | undefined, name: string, { source }: Fields): T {
  if (value !== undefined) return value;
  throw dataError(`${source} does not say ${name}: pass --preprocessing instead.`);
}

export const objectIn = (of: Fields, name: string): Fields | undefined => {
  const values = optional(of, name, "an object", isObject);
  return values && { values, source: `${of.source}'s ${name}` };
};

/** A text of at most 200 characters. */
export const textIn = (of: Fields, name: string): string | undefined =>
  optional(of, name, "a short text", (value): value is string => typeof value === "string" && value.length <= 200);

export const switchIn = (of: Fields, name: string): boolean | undefined =>
  optional(of, name, "true or false", (value): value is boolean => typeof value === "boolean");

/** An integer from 1 to `most`: pixels, classes and the like. */
export const countIn = (of: Fields, name: string, most: number): number | undefined =>
  optional(of, name, `a whole number from 1 to ${most}`, isCount(most));

export const isCount =
  (most: number): Check<number> =>
  (value): value is number =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;

/** A number above 0. */
export const positiveIn = (of: Fields, name: string, most: number): number | undefined =>
  optional(
    of,
    name,
    `a number above 0 and up to ${most}`,
    (value): value is number => typeof value === "number" && value > 0 && value <= most,
  );

/** Three numbers, one for each channel. */
export type Triple = readonly [number, number, number];

export const tripleIn = (of: Fields, name: string, least: number, most: number): Triple | undefined =>
  optional(
    of,
    name,
    `three numbers from ${least} to ${most}`,
    (value): value is Triple =>
      Array.isArray(value) &&
      value.length === 3 &&
      value.every((item) => typeof item === "number" && item >= least && item <= most),
  );

/** Whether a field that may be a number or an object is a number. */
export const isNumberIn = ({ values }: Fields, name: string): boolean =>
  Object.hasOwn(values, name) && typeof values[name] === "number";
