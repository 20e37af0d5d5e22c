/**
 * Options, checked at the door: the words that schemas of options are written in, and the one function that holds a value
 * against a schema. Each operation's schema is beside it (train/options.ts …). A message says what an option takes ("a whole
 * number from 1"); how the option is called (`--epochs`, `epochs`) is the door's matter.
 */
import * as v from "valibot";
import { usageError } from "./errors.ts";
import { editDistance, nearest } from "./nearest.ts";
import type { OnProgress } from "./progress.ts";
import { listed, named, shown } from "./text.ts";

/** How options are called where the caller stands: in a call of the library, on a command line, in a request. */
export interface Door {
  /** What takes the options, for the beginning of a sentence: `train`. */
  readonly whole: string;
  /** An option, for the beginning of a sentence: `The option seed of train`, `--seed`. */
  subject(path: string): string;
  /** An option inside a sentence: `seed`, `--seed`. */
  option(path: string): string;
}

/** A call of the library. */
export const callOf = (call: string): Door => ({
  whole: call,
  subject: (path) => `The option ${path} of ${call}`,
  option: (path) => path,
});

/**
 * The value as the schema has it, defaults filled in.
 *
 * @throws GraftError (`usage`) with one sentence on the first thing that does not fit
 */
export function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown, door: Door): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  // A misspelt option explains the one that is missing.
  throw usageError(sentence(result.issues.find(isUnknownOption) ?? result.issues[0], door));
}

/** The same for an argument that is not an object of options: `checkedArgument(text, path, "The path of openArtifact")`. */
export const checkedArgument = <T>(schema: v.GenericSchema<unknown, T>, value: unknown, called: string): T =>
  checked(schema, value, { whole: called, subject: (path) => `${called}: ${path}`, option: (path) => path });

/** A schema whose output is a type that is written out elsewhere. */
export type Schema<T> = v.GenericSchema<unknown, T>;

type Issue = v.BaseIssue<unknown>;

const isUnknownOption = ({ type, expected }: Issue): boolean => type === "strict_object" && expected === "never";

/** Where the value is: `finetune.epochs`, `examples[3].label`. */
function pathOf({ path }: Issue): string {
  let whole = "";
  for (const { key } of path ?? []) {
    if (typeof key === "number") whole += `[${key}]`;
    else whole += `${whole === "" ? "" : "."}${named(String(key))}`;
  }
  return whole;
}

/** A message that ends with a full stop is a whole sentence, in which `{name}` is an option; others say what an option takes. */
function sentence(issue: Issue, door: Door): string {
  const { message, input } = issue;
  const path = pathOf(issue);
  if (isUnknownOption(issue)) return unknownOption(path, message.split(","), door);
  if (message.endsWith(".")) {
    const within = path === "" ? "" : `${path}.`;
    return message.replace(/\{(\w+)\}/g, (_, name: string) => door.option(within + name));
  }
  if (path === "") return `${door.whole} takes ${message}, not ${shown(input)}.`;
  if (input === undefined) return `${door.subject(path)} is missing: it takes ${message}.`;
  return `${door.subject(path)} takes ${message}, not ${shown(input)}.`;
}

function unknownOption(path: string, known: readonly string[], door: Door): string {
  const at = path.lastIndexOf(".") + 1;
  const [within, name] = [path.slice(0, at), path.slice(at)];
  const [near = ""] = nearest(name, known, 1);
  const isNear = editDistance(name.slice(0, 64).toLowerCase(), near.toLowerCase()) <= Math.max(2, name.length / 3);
  const hint = isNear ? `did you mean ${door.option(within + near)}?` : `it has ${listed(known)}.`;
  return `${door.whole} has no option "${path}": ${hint}`;
}

/** An object of options. Another key than these is refused, with the nearest of them. */
export const optionsOf = <const E extends v.ObjectEntries>(entries: E) =>
  v.strictObject(entries, ({ expected, path }) => {
    if (expected === "never") return Object.keys(entries).join(",");
    const entry: unknown = Reflect.get(entries, String(path?.at(-1)?.key));
    return entry ? wantedOf(entry) : "an object of options";
  });

/** What a schema says of itself. */
function wantedOf(schema: unknown): string {
  const { message } = schema as { readonly message?: unknown };
  return typeof message === "string" ? message : "an object of options";
}

/** A rule over several options, for the end of a `v.pipe`; `words` is a whole sentence with `{option}`s. */
export const rule = <T>(holds: (value: T) => boolean, words: string) => v.check(holds, words);

/**
 * A rule for options that mean nothing unless `when` holds: one that is given then is refused.
 *
 * @param words the end of the sentence, from what the option applies to: `to fine-tuning: add {unfreeze}`
 */
export const onlyWhen = <T extends object>(
  when: (options: T) => boolean,
  keys: readonly (keyof T & string)[],
  words: string,
) =>
  v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed || when(dataset.value)) return;
    const { value } = dataset;
    const stray = keys.find((key) => value[key] !== undefined && value[key] !== false);
    if (stray !== undefined) addIssue({ message: `{${stray}} only applies ${words}.` });
  });

/** A whole number. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  const wanted = `a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`}`;
  const fits = (value: number): boolean => Number.isSafeInteger(value) && value >= least && value <= most;
  return v.pipe(v.number(wanted), v.check(fits, wanted));
}

/** A number above `least`, and at most `most`. */
export function above(least: number, most = Number.MAX_VALUE) {
  const wanted = `a number above ${least}${most === Number.MAX_VALUE ? "" : ` up to ${most}`}`;
  return v.pipe(
    v.number(wanted),
    v.check((value) => value > least && value <= most, wanted),
  );
}

/** One of some words. */
export const oneOf = <const T extends readonly string[]>(words: T) => v.picklist(words, `one of ${words.join(", ")}`);

/** Text that is not empty. */
export const text = (wanted = "a text that is not empty") =>
  v.pipe(
    v.string(wanted),
    v.check((value) => value !== "", wanted),
  );

export const flag = v.boolean("true or false");

/** A function to call; what it is called with is the type's matter. */
export const callback = <F>() => v.custom<F>((value) => typeof value === "function", "a function");

/** A list, each item as a schema has it. */
export const listOf = <S extends v.GenericSchema<unknown, unknown>>(item: S, wanted = "a list") =>
  v.array(item, wanted);

/** An AbortSignal, also of another window or of a polyfill. */
export const abortSignal = v.custom<AbortSignal>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "aborted") === "boolean" &&
    typeof Reflect.get(value, "throwIfAborted") === "function" &&
    typeof Reflect.get(value, "addEventListener") === "function",
  "an AbortSignal",
);

/** Entries for every option of a type: one that is forgotten, or of another type, is an error of compilation. */
export type Described<T> = { readonly [K in keyof T]-?: v.GenericSchema<unknown, T[K]> };

/** How every operation says what it is doing, and hears that it shall end. */
export const listenerEntries = {
  onProgress: v.optional(callback<OnProgress>()),
  onNote: v.optional(callback<(text: string) => void>()),
  signal: v.optional(abortSignal),
};

/**
 * A seed. The generator takes 32 bits: another number would silently be the same seed as a smaller one.
 */
export const seed = whole(0, 2 ** 32 - 1);
