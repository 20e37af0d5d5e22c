import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonBounds } from "../base/json-bounds.ts";
import { LongText, parseJson } from "./json.ts";

const wide: JsonBounds = { maxDepth: 100, maxTokens: 1e6 };
const parse = (text: string | Buffer, bounds: JsonBounds = wide): unknown => parseJson(Buffer.from(text), bounds);
const refusal = (status: number, words = "") =>
  expect.objectContaining({ name: "Refusal", status, message: expect.stringContaining(words) });

/** The value, with long texts as `JSON.parse` would return them. */
function short(value: unknown): unknown {
  if (value instanceof LongText) return JSON.parse(`"${value.bytes.toString()}"`);
  if (Array.isArray(value)) return value.map(short);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, short(item)]));
}

describe("within its bounds", () => {
  it("is what JSON.parse makes of it, with and without long texts", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6, stringUnit: "binary" }), fc.nat(20), (text, longTextBytes) => {
        const wanted: unknown = JSON.parse(text);
        expect(parse(text)).toEqual(wanted);
        let given: unknown;
        try {
          given = parse(text, { ...wide, longTextBytes });
        } catch (error) {
          // A name that is longer than texts may be has no place to stay.
          expect(error).toEqual(refusal(400, "name"));
          return;
        }
        expect(short(given)).toEqual(wanted);
      }),
    );
  });

  it("is refused where JSON.parse refuses it", () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('"', "\\", "[", "}", ",", "x", "\n", ""))
      .map(([text, at, put]) => `${text.slice(0, at % text.length)}${put}${text.slice((at % text.length) + 1)}`);
    fc.assert(
      fc.property(broken, (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (isJson) expect(parse(text)).toEqual(JSON.parse(text));
        else expect(() => parse(text)).toThrow(refusal(400, "not JSON"));
      }),
    );
  });

  it("is refused where it is not UTF-8", () => {
    expect(() => parse(Buffer.from([0x22, 0xff, 0x22]))).toThrow(refusal(400, "UTF-8"));
  });
});

describe("long texts", () => {
  it("stay where they are in memory", () => {
    const body = Buffer.from(`{"images":["${"A".repeat(100)}","BBBB","${'\\"'.repeat(200)}"]}`);
    const { images } = parseJson(body, { ...wide, longTextBytes: 50 }) as { images: [LongText, string, LongText] };
    expect(images[0]).toBeInstanceOf(LongText);
    expect(images[0].bytes.buffer).toBe(body.buffer);
    expect([images[0].bytes.toString(), images[1]]).toEqual(["A".repeat(100), "BBBB"]);
    expect(images[2].bytes.toString()).toBe('\\"'.repeat(200));
  });

  it("are neither lost nor names", () => {
    const long = "A".repeat(100);
    const bounds = { ...wide, longTextBytes: 50 };
    expect(() => parse(`{"image":"${long}","image":"${long}"}`, bounds)).toThrow(
      refusal(400, "two fields with the same name"),
    );
    expect(() => parse(`{"${long}":1}`, bounds)).toThrow(refusal(400, "name"));
    expect(() => parse(`["${long}`, bounds)).toThrow(refusal(400, "not JSON"));
    expect(parse(`"${long}"`, bounds)).toBeInstanceOf(LongText);
  });
});

describe("structure", () => {
  const bounds: JsonBounds = { maxDepth: 8, maxTokens: 1000, longTextBytes: 100, maxPlainBytes: 10_000 };
  const million = (text: string): string => text.repeat(1e6);

  it.each([
    ["empty lists", `[${million("[],")}1]`],
    ["empty objects", `[${million("{},")}1]`],
    ["numbers", `[${million("1,")}1]`],
    ["texts", `[${million('"",')}1]`],
    ["texts without commas", million('""')],
    ["fields of one name", `{${million('"a":1,')}"a":1}`],
    ["lists in lists", million("[")],
    ["objects in objects", million('{"a":')],
    ["digits", million("1")],
    ["spaces", million(" ")],
    ["what is no JSON", million("x")],
  ])("%s: refused before anything is built", (_, text) => {
    expect(() => parse(text, bounds)).toThrow(refusal(413));
  });

  it("is counted outside of texts alone", () => {
    expect(
      parse(JSON.stringify({ text: million("[{,:") }), {
        ...bounds,
        longTextBytes: undefined,
        maxPlainBytes: undefined,
      }),
    ).toEqual({
      text: million("[{,:"),
    });
    expect(parse("[[[[[[[[]]]]]]]]", bounds)).toEqual([[[[[[[[]]]]]]]]);
    expect(() => parse("[[[[[[[[[]]]]]]]]]", bounds)).toThrow(refusal(413, "more than 8 levels"));
  });
});
