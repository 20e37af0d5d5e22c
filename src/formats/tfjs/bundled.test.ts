/** Reading constants from JavaScript: as bundlers and minifiers write them, and forms that must be refused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { bundledModelJson, bundledName, bundledShard } from "./bundled.ts";

/** What Browserify puts around a module. */
const bundle = (body: string): string =>
  `!function(f){if("object"==typeof exports&&"undefined"!=typeof module)module.exports=f();else{(typeof window<"u"?window:this).model=f()}}` +
  `(function(){return function a(n,i,e){function t(o){if(!i[o]){var c=i[o]={exports:{}};n[o][0].call(c.exports,t,c,c.exports)}return i[o].exports}` +
  `for(var o=0;o<e.length;o++)t(e[o]);return t}({1:[function(a,n,i){${body}},{}]},{},[1])(1)});`;

const refused = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).kind).toBe("data");
    expect((error as GraftError).message).toMatch(/^[^\n]{10,300}\.$/);
    return (error as GraftError).message;
  }
  throw new Error("It was not refused.");
};

describe("a bundled model", () => {
  it("is any JSON object, as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
        const text = JSON.stringify(value);
        // In JavaScript that key is not a property.
        fc.pre(!text.includes('"__proto__"'));
        expect(JSON.parse(bundledModelJson(bundle(`n.exports=${text}`), "m"))).toEqual(JSON.parse(text));
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("is read as a minifier writes it", () => {
    const written = "{a:!1,b:!0,c:void 0,d:-.5,e:+1e3,f:[null,`text`,'it\\'s'],1:{\"x y\":0x10}}";
    expect(JSON.parse(bundledModelJson(bundle(`n.exports=${written}`), "m"))).toEqual({
      a: false,
      b: true,
      d: -0.5,
      e: 1000,
      f: [null, "text", "it's"],
      1: { "x y": 16 },
    });
    expect(bundledModelJson('module.exports = {"a": 1};', "m")).toBe('{"a":1}');
  });

  it.each<[string, string]>([
    ["no export", "n.other={a:1}"],
    ["a call", "n.exports=f()"],
    ["a computed value", "n.exports={a:1+1}"],
    ["a value of a variable", "n.exports={a}"],
    ["a computed name", 'n.exports={["a"]:1}'],
    ["a getter", "n.exports={get a(){return 1}}"],
    ["a method", "n.exports={a(){}}"],
    ["a spread", "n.exports={...{a:1}}"],
    ["a hole", "n.exports={a:[,1]}"],
    ["a prototype", "n.exports={__proto__:{a:1}}"],
    ["a regular expression", "n.exports={a:/x/}"],
    ["a big integer", "n.exports={a:1n}"],
    ["a template with a value", `n.exports={a:\`\${1}\`}`],
    ["several constants", "n.exports={a:1};n.exports={a:2}"],
    ["an export under a computed name", 'n["exports"]={a:1}'],
    ["an addition to the exports", "n.exports+={a:1}"],
    ["excessive depth", `n.exports={a:${"[".repeat(200)}${"]".repeat(200)}}`],
    ["a text", 'n.exports="AAAA"'],
    ["null", "n.exports=null"],
  ])("is refused if it has %s", (_, body) => {
    expect(refused(() => bundledModelJson(bundle(body), "model.min.js"))).toContain("model.min.js");
  });

  it("that is not JavaScript, or nested too deep for the stack, is refused", () => {
    for (const text of ["{", "\u0000", "<html>", `x=${"[".repeat(20_000)}`, `${"(".repeat(20_000)}1`])
      expect(refused(() => bundledModelJson(text, "model.min.js"))).toContain("parse");
    expect(refused(() => bundledModelJson("", "model.min.js"))).toContain("no constant");
    expect(refused(() => bundledModelJson(`x=[${"0,".repeat(300_000)}0]`, "model.min.js"))).toContain("no constant");
  });

  it("is never run", () => {
    const marks = globalThis as { graftRan?: boolean };
    bundledModelJson(bundle("globalThis.graftRan=true;n.exports={a:1}"), "m");
    expect(marks.graftRan).toBeUndefined();
  });
});

describe("a bundled shard", () => {
  it("is any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(new Uint8Array(bundledShard(bundle(`n.exports="${text}"`), "s"))).toEqual(bytes);
      }),
      { numRuns: 50, seed: 2 },
    );
  });

  it.each(["A", "AAA", "AA=A", "=AAA", "AA A", "AAA-", "AA\\n==", "A==="])("is refused if it is %j", (text) => {
    expect(refused(() => bundledShard(bundle(`n.exports="${text}"`), "shard.min.js"))).toContain("not base64");
  });

  it("is refused if it is not text", () => {
    expect(refused(() => bundledShard(bundle("n.exports={a:1}"), "shard.min.js"))).toContain("no text");
  });

  it("is beside the model, under the path in the manifest", () => {
    expect(bundledName("group1-shard1of2")).toBe("group1-shard1of2.min.js");
  });
});
