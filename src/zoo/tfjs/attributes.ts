/** Reads the attributes of a TensorFlow node in JSON, where integers are written as text and text as base64. */
import { dataError } from "../../base/errors.ts";
import { isRecord, type Json, listOf, numberOf, textOf } from "./json.ts";

/** Readers by type. Each returns undefined if the node leaves the attribute at its default. */
export interface Attributes {
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  integers(name: string): readonly number[] | undefined;
  number(name: string): number | undefined;
  flag(name: string): boolean;
}

function integer(value: Json, what: string): number {
  const number = typeof value === "string" && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  throw dataError(`Expected an integer as ${what}: the model file is damaged.`);
}

const decoded = (value: Json, what: string): string => Buffer.from(textOf(value, what), "base64").toString("utf8");

/** The readers for the node `name`. */
export function attributesOf(record: Readonly<Record<string, Json>>, name: string): Attributes {
  const field = (attribute: string, kind: string): Json => {
    const value = Object.hasOwn(record, attribute) ? record[attribute] : undefined;
    return isRecord(value) ? value[kind] : undefined;
  };
  const list = (attribute: string, kind: string): Json => {
    const value = field(attribute, "list");
    return isRecord(value) ? value[kind] : undefined;
  };
  const what = (attribute: string): string => `"${attribute}" of "${name}"`;
  return {
    text(attribute) {
      const value = field(attribute, "s");
      return value === undefined ? undefined : decoded(value, what(attribute));
    },
    texts: (attribute) =>
      listOf(list(attribute, "s") ?? [], what(attribute)).map((item) => decoded(item, what(attribute))),
    integers(attribute) {
      const value = list(attribute, "i");
      return value === undefined
        ? undefined
        : listOf(value, what(attribute)).map((item) => integer(item, what(attribute)));
    },
    number(attribute) {
      const value = field(attribute, "f");
      return value === undefined ? undefined : numberOf(value, what(attribute));
    },
    flag: (attribute) => field(attribute, "b") === true,
  };
}
