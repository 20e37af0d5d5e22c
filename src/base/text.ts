/**
 * Makes foreign text (names, paths, values from a caller) safe for messages and terminals: escapes what a terminal would obey, shortens
 * what is long, and finds similar names for "did you mean". Writes nothing.
 */

/** The longest value that a message shows in full, in characters. */
const VALUE = 120;

/**
 * Characters that control a terminal, or reorder or hide text: C0 and C1 controls, line and paragraph separators, marks and
 * overrides of writing direction, zero-width characters (except the joiners that emoji and Persian need), lone surrogates.
 */
const UNSAFE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]/gu;

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const asCode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Text with every unsafe character replaced by its code. Escaping twice changes nothing. */
export const escaped = (text: string): string =>
  text.replace(UNSAFE, (character) => short[character] ?? asCode(character));

/** JSON that is also safe on a terminal: the same value, with the unsafe characters that JSON allows escaped. */
export const escapedJson = (json: string): string => json.replace(UNSAFE, asCode);

/** Text of at most `most` characters: leaves out the middle of longer text, because names differ at the ends. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.ceil(((most - 1) * 2) / 3);
  const tail = most - 1 - head;
  // Do not split a surrogate pair.
  const start = text.slice(0, head).replace(/[\ud800-\udbff]$/, "");
  const end = text.slice(text.length - tail).replace(/^[\udc00-\udfff]/, "");
  return `${start}…${end}`;
}

/** A name or path for a sentence: escaped and shortened. */
export const named = (text: string, most = VALUE): string => escaped(shortened(text, most));

/** The first names of a list and the number of the others: "a, b and 3 more". */
export function listed(names: readonly string[], most = 20): string {
  const shown = names.slice(0, most).map((name) => named(name));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/** Any value for a sentence, at most a line long: text in quotes, numbers as they are, everything else by its kind. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `"${named(value)}"`;
    case "bigint":
      return `${shortened(String(value), VALUE)}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : kindOf(value);
    default:
      return String(value);
  }
}

function kindOf(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `${withArticle(className(value))} of ${value.byteLength} bytes`;
  return withArticle(className(value));
}

/** The name of an object's class. Reading it may throw: the object may be a proxy or have a getter. */
function className(value: object): string {
  try {
    const { name } = value.constructor;
    return typeof name === "string" && name !== "" && name !== "Object" ? named(name, 40) : "object";
  } catch {
    return "object";
  }
}

const withArticle = (name: string): string => `${/^[aeio]/i.test(name) ? "an" : "a"} ${name}`;

/** The Levenshtein distance: how many letters to insert, delete or replace to turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/** The `count` names most similar to `word`, best first, ignoring case. Compares only the first 64 characters. */
export function nearest(word: string, known: readonly string[], count = 3): string[] {
  const start = word.slice(0, 64).toLowerCase();
  return known
    .map((name) => ({ name, distance: editDistance(start, name.toLowerCase()) }))
    .toSorted((x, y) => x.distance - y.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
