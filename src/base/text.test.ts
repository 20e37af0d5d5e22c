import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { dataError, messageOf } from "./errors.ts";
import { escaped, escapedJson, listed, named, shortened, shown } from "./text.ts";

describe("escaped", () => {
  it("replaces what a terminal would obey by codes, and keeps other text", () => {
    expect(escaped("a\u001b[31mb\u009b2Jc\u007f\r\n\t")).toBe("a\\u001b[31mb\\u009b2Jc\\u007f\\r\\n\\t");
    expect(escaped("abc\u202etxt.exe\u2066\u200b\ufeff")).toBe("abc\\u202etxt.exe\\u2066\\u200b\\ufeff");
    expect(escaped("half \ud800 of one")).toBe("half \\ud800 of one");
    for (const name of ["Löwenzahn 蒲公英", "👩‍👩‍👧", "می‌خواهم", "C:\\photos\\new", "e\u0301"])
      expect(escaped(name)).toBe(name);
  });

  it("leaves no control character in any text, and changes nothing the second time", () => {
    const anything = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(anything, (text) => {
        const once = escaped(text);
        expect(once).not.toMatch(/\p{Cc}|\p{Cs}/u);
        expect(escaped(once)).toBe(once);
        expect(JSON.parse(escapedJson(JSON.stringify(text)))).toBe(text);
        expect(escapedJson(JSON.stringify(text))).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe("a value in a message", () => {
  test.each([
    ["photos", '"photos"'],
    ["a\nb", '"a\\nb"'],
    [Number.NaN, "NaN"],
    [undefined, "undefined"],
    [null, "null"],
    [12n, "12n"],
    [new Uint8Array(8_000_000), "a Uint8Array of 8000000 bytes"],
    [[1, 2], "an array of 2"],
    [{ a: 1 }, "an object"],
    [Object.create(null), "an object"],
    [new Date(0), "a Date"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
  ])("%o", (value, text) => {
    expect(shown(value)).toBe(text);
  });

  it("is never long and never throws", () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
      },
    );
    const longNamed = { constructor: { name: "n".repeat(1e6) } };
    for (const value of ["x".repeat(1e6), 10n ** 5000n, hostile, longNamed])
      expect(shown(value).length).toBeLessThan(140);
  });

  it("keeps both ends of long text, and whole characters", () => {
    expect(shortened("abcdefghij", 7)).toBe("abcd…ij");
    expect(named(`/very/${"long/".repeat(100)}name.jpg`)).toMatch(/^\/very\/long.*….*name\.jpg$/);
    expect(named("🙂".repeat(500))).not.toMatch(/\\ud/);
    expect(
      listed(
        Array.from({ length: 1000 }, (_, i) => `class ${i}`),
        2,
      ),
    ).toBe("class 0, class 1 and 998 more");
  });
});

describe("the message of an error", () => {
  it("is limited and escaped whatever it contains", () => {
    const { message } = dataError(`Could not read ${"x".repeat(8e6)}\u001b[2J\n: check the path.`);
    expect(message.length).toBeLessThan(5000);
    expect(message).toMatch(/^Could not read x+.*check the path\.$/);
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(messageOf(new Error("y".repeat(8e6))).length).toBeLessThan(5000);
    expect(messageOf("z".repeat(8e6)).length).toBeLessThan(5000);
  });
});
