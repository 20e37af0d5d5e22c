/**
 * Foreign text (names, paths, values that a caller gave) in messages and on terminals: escaped so that it controls nothing,
 * shortened so that it fills nothing. Knows neither errors nor streams.
 */

/** The longest that one value is printed in a message. */
const VALUE = 120;

/**
 * What a terminal obeys, what reorders or hides the text beside it, and halves of characters: C0 and C1 controls, line and
 * paragraph separators, marks and overrides of writing direction, characters without width (but not the joiners that emoji
 * and Persian need), lone surrogates.
 */
const UNSAFE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]/gu;

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const asCode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Text with every character that could act on a terminal written as its code. Escaped text comes out as it is. */
export const escaped = (text: string): string =>
  text.replace(UNSAFE, (character) => short[character] ?? asCode(character));

/** JSON that is safe on a terminal too: the same value, with the characters that JSON itself lets through escaped. */
export const escapedJson = (json: string): string => json.replace(UNSAFE, asCode);

/** Text of at most `most` characters: the middle of a longer one is left out, for names differ at either end. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.ceil(((most - 1) * 2) / 3);
  const tail = most - 1 - head;
  // Not between the halves of a character.
  const start = text.slice(0, head).replace(/[\ud800-\udbff]$/, "");
  const end = text.slice(text.length - tail).replace(/^[\udc00-\udfff]/, "");
  return `${start}…${end}`;
}

/** A name or path for the middle of a sentence: escaped, and shortened where it is longer than any that helps. */
export const named = (text: string, most = VALUE): string => escaped(shortened(text, most));

/** The first names of a list, and how many more there are. */
export function listed(names: readonly string[], most = 20): string {
  const shown = names.slice(0, most).map((name) => named(name));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/** Any value for the middle of a sentence, never longer than a line: text in quotes, numbers as they are, the rest by its kind. */
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

/** The name of an object's class. A proxy or getter may do anything when asked. */
function className(value: object): string {
  try {
    const { name } = value.constructor;
    return typeof name === "string" && name !== "" && name !== "Object" ? named(name, 40) : "object";
  } catch {
    return "object";
  }
}

const withArticle = (name: string): string => `${/^[aeio]/i.test(name) ? "an" : "a"} ${name}`;
