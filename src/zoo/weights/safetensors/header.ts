/**
 * The header of a safetensors file: its JSON, read by a parser for just this shape. `JSON.parse` would make hundreds of bytes
 * out of two (`[[],[],…]`), join duplicate names silently and round big numbers; this one takes memory only for tensors
 * it accepts.
 *
 * Format: https://huggingface.co/docs/safetensors/index, "Format". Rules kept: names are unique; `__metadata__` maps text to
 * text; each tensor has `dtype`, `shape` and `data_offsets` and nothing else.
 */
import { dataError } from "../../../base/errors.ts";

/** A tensor as the header describes it; nothing of it is checked against the file yet. */
export interface HeaderTensor {
  /** The format's word: `F32`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly offsets: readonly [begin: number, end: number];
}

/** What a header says. */
export interface Header {
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** More than any network has; each takes some hundred bytes of memory, whatever it takes in the header. */
const MOST_TENSORS = 200_000;
/** ONNX Runtime and NumPy know no more axes. */
const MOST_AXES = 32;
/** More than any name of a module; metadata values may be longer. */
const LONGEST_NAME = 4096;

/**
 * Reads the header's text.
 *
 * @param source the file, for messages
 * @throws GraftError (`data`) saying what is wrong and at which character
 */
export function parseHeader(text: string, source: string): Header {
  const tensors = new Map<string, HeaderTensor>();
  const metadata = new Map<string, string>();
  let at = 0;

  const fail = (what: string): Error =>
    dataError(`${source} is a damaged safetensors file: ${what} at character ${at} of its header; fetch it again.`);
  const skip = (): void => {
    while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  };
  const take = (wanted: string): boolean => {
    skip();
    const found = text[at] === wanted;
    if (found) at++;
    return found;
  };
  const expect = (wanted: string): void => {
    if (!take(wanted)) throw fail(`"${wanted}" is missing`);
  };
  const string = (longest = Number.POSITIVE_INFINITY): string => {
    expect('"');
    const begin = at - 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    expect('"');
    if (at - begin > longest) throw fail("a name is too long");
    try {
      return JSON.parse(text.slice(begin, at)) as string;
    } catch {
      throw fail("a text is not JSON");
    }
  };
  const whole = (): number => {
    skip();
    const begin = at;
    while (text[at]! >= "0" && text[at]! <= "9") at++;
    const value = Number(text.slice(begin, at));
    if (begin === at || !Number.isSafeInteger(value)) throw fail("a number is not whole, negative or too large");
    return value;
  };
  const list = (most: number): number[] => {
    const values: number[] = [];
    expect("[");
    if (take("]")) return values;
    do {
      if (values.length === most) throw fail(`a list has more than ${most} numbers`);
      values.push(whole());
    } while (take(","));
    expect("]");
    return values;
  };
  /** Calls `member` after each name of an object and its colon; names must differ. */
  const object = (member: (name: string) => void): void => {
    expect("{");
    if (take("}")) return;
    const names = new Set<string>();
    do {
      if (names.size === MOST_TENSORS) throw fail(`there are more than ${MOST_TENSORS} names`);
      const name = string(LONGEST_NAME);
      if (names.has(name)) throw fail(`the name "${name}" is there twice`);
      names.add(name);
      expect(":");
      member(name);
    } while (take(","));
    expect("}");
  };
  const tensor = (): HeaderTensor => {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    object((name) => {
      if (name === "dtype") dtype = string(LONGEST_NAME);
      else if (name === "shape") shape = list(MOST_AXES);
      else if (name === "data_offsets") offsets = list(2);
      else throw fail(`"${name}" means nothing`);
    });
    const [begin, end] = offsets ?? [];
    if (dtype === undefined || !shape || begin === undefined || end === undefined)
      throw fail("a tensor without dtype, shape or data_offsets ends");
    return { dtype, shape, offsets: [begin, end] };
  };

  object((name) => {
    if (name === "__metadata__") object((key) => void metadata.set(key, string()));
    else tensors.set(name, tensor());
  });
  skip();
  if (at < text.length) throw fail("more text follows");
  return { tensors, metadata };
}
