/**
 * Parses the JSON header of a safetensors file. `JSON.parse` would allocate hundreds of bytes for two (`[[],[],…]`), silently merge
 * duplicate names and round large numbers; this parser allocates memory only for tensors that it accepts.
 *
 * Format: https://huggingface.co/docs/safetensors/index, "Format". It enforces that names are unique, `__metadata__` maps text to text, and
 * each tensor has only `dtype`, `shape` and `data_offsets`.
 */
import { dataError } from "../../../base/errors.ts";

/** A tensor as the header describes it, not yet checked against the file. */
export interface HeaderTensor {
  /** The format's name of the type: `F32`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and byte after the last, relative to the end of the header. */
  readonly offsets: readonly [begin: number, end: number];
}

/** A parsed header. */
export interface Header {
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** More than any network has; each takes a few hundred bytes of memory. */
const MOST_TENSORS = 200_000;
/** The limit of ONNX Runtime and NumPy. */
const MOST_AXES = 32;
/** Longer than the name of any module; values of metadata may be longer. */
const LONGEST_NAME = 4096;

/**
 * Reads the header's text.
 *
 * @param source the file, for messages
 * @throws GraftError (`data`) with the fault and its position
 */
export function parseHeader(text: string, source: string): Header {
  const tensors = new Map<string, HeaderTensor>();
  const metadata = new Map<string, string>();
  let at = 0;

  const fail = (what: string): Error =>
    dataError(`${source} is a damaged safetensors file: ${what} at character ${at} of its header; download it again.`);
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
  /** Calls `member` after each name and colon of an object; names must be unique. */
  const object = (member: (name: string) => void): void => {
    expect("{");
    if (take("}")) return;
    const names = new Set<string>();
    do {
      if (names.size === MOST_TENSORS) throw fail(`there are more than ${MOST_TENSORS} names`);
      const name = string(LONGEST_NAME);
      if (names.has(name)) throw fail(`the name "${name}" occurs twice`);
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
      else throw fail(`"${name}" is not a known field`);
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
