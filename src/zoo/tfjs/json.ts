/** Readers of untrusted JSON: each checks the type, and reports what was expected and where. */
import { dataError } from "../../base/errors.ts";

/** Anything that JSON.parse may return. */
export type Json = unknown;

export const isRecord = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const fail = (what: string, wanted: string): Error =>
  dataError(`Expected ${wanted} as ${what}: the model file is damaged or has another format.`);

export function recordOf(value: Json, what: string): Readonly<Record<string, Json>> {
  if (isRecord(value)) return value;
  throw fail(what, "an object");
}

export function listOf(value: Json, what: string): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw fail(what, "a list");
}

export function textOf(value: Json, what: string): string {
  if (typeof value === "string") return value;
  throw fail(what, "a text");
}

export function numberOf(value: Json, what: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw fail(what, "a number");
}

export const numbersOf = (value: Json, what: string): readonly number[] =>
  listOf(value, what).map((item) => numberOf(item, what));
