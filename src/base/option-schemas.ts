/**
 * Building blocks for schemas of options, and the one function that checks a value against a schema. Each operation's schema is
 * beside the operation. A schema's message says what an option takes ("a whole number from 1"); how the option is called
 * (`--epochs`, `epochs`) depends on the {@link Door}.
 */
import * as v from "valibot";
import { usageError } from "./errors.ts";
import type { OnProgress } from "./progress.ts";
import { editDistance, listed, named, nearest, shown } from "./text.ts";

/** What options are called for the caller: in a call of the library, on the command line, in a request. */
export interface Door {
  /** What takes the options, for the start of a sentence: `train`. */
  readonly whole: string;
  /** An option, for the start of a sentence: `The option seed of train`, `--seed`. */
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
 * Checks a value against a schema and returns it with defaults filled in.
 *
 * @throws GraftError (`usage`) with one sentence about the first value that does not fit
 */
export function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown, door: Door): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  // A misspelt option explains a missing one, so it goes first.
  throw usageError(sentence(result.issues.find(isUnknownOption) ?? result.issues[0], door));
}

/** {@link checked} for an argument that is not an object of options: `checkedArgument(text, path, "The path of openArtifact")`. */
export const checkedArgument = <T>(schema: v.GenericSchema<unknown, T>, value: unknown, called: string): T =>
  checked(schema, value, { whole: called, subject: (path) => `${called}: ${path}`, option: (path) => path });

/** A schema whose output has a type that is declared elsewhere. */
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

/** A message that ends with a full stop is a sentence, in which `{name}` is an option; any other says what an option takes. */
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

/** An object of options. Any other key is an error that names the most similar option. */
export const optionsOf = <const E extends v.ObjectEntries>(entries: E) =>
  v.strictObject(entries, ({ expected, path }) => {
    if (expected === "never") return Object.keys(entries).join(",");
    const entry: unknown = Reflect.get(entries, String(path?.at(-1)?.key));
    return entry ? wantedOf(entry) : "an object of options";
  });

/** What a schema takes, in words. */
function wantedOf(schema: unknown): string {
  const { message } = schema as { readonly message?: unknown };
  return typeof message === "string" ? message : "an object of options";
}

/** A rule over several options, for the end of a `v.pipe`; `message` is a whole sentence with `{option}`s. */
export const rule = <T>(holds: (value: T) => boolean, message: string) => v.check(holds, message);

/**
 * A rule for options that only apply if `when` is true: giving one otherwise is an error.
 *
 * @param appliesTo the end of the sentence: `to fine-tuning: add {unfreeze}`
 */
export const onlyWhen = <T extends object>(
  when: (options: T) => boolean,
  keys: readonly (keyof T & string)[],
  appliesTo: string,
) =>
  v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed || when(dataset.value)) return;
    const { value } = dataset;
    const stray = keys.find((key) => value[key] !== undefined && value[key] !== false);
    if (stray !== undefined) addIssue({ message: `{${stray}} only applies ${appliesTo}.` });
  });

/** An integer from `least` to `most`. */
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

/** One of the given texts. */
export const oneOf = <const T extends readonly string[]>(choices: T) =>
  v.picklist(choices, `one of ${choices.join(", ")}`);

/** A text that is not empty. */
export const text = (wanted = "a text that is not empty") =>
  v.pipe(
    v.string(wanted),
    v.check((value) => value !== "", wanted),
  );

export const flag = v.boolean("true or false");

/** A function; its parameters are not checked. */
export const callback = <F>() => v.custom<F>((value) => typeof value === "function", "a function");

/** A list whose items fit a schema. */
export const listOf = <S extends v.GenericSchema<unknown, unknown>>(item: S, wanted = "a list") =>
  v.array(item, wanted);

/** An AbortSignal, including one from another window or a polyfill. */
export const abortSignal = v.custom<AbortSignal>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "aborted") === "boolean" &&
    typeof Reflect.get(value, "throwIfAborted") === "function" &&
    typeof Reflect.get(value, "addEventListener") === "function",
  "an AbortSignal",
);

/** Schema entries for every option of a type: a missing entry or one of another type is a compile error. */
export type Described<T> = { readonly [K in keyof T]-?: v.GenericSchema<unknown, T[K]> };

/** The options that every operation has: progress, notes, and a signal to stop. */
export const listenerEntries = {
  onProgress: v.optional(callback<OnProgress>()),
  onNote: v.optional(callback<(text: string) => void>()),
  signal: v.optional(abortSignal),
};

/**
 * A seed of 32 bits, which is what the generator uses: a larger number would silently mean the same as a smaller one.
 */
export const seed = whole(0, 2 ** 32 - 1);
