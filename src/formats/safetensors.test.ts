import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraftError } from "../base/errors.ts";
import { asFloat32, float32Tensor, int64Tensor, rawTensor, type Tensor } from "../onnx/model.ts";
import { openSafetensors, writeSafetensors } from "./safetensors.ts";
import { memoryRanges } from "./testing.ts";
import { openRanges } from "./weight-file.ts";

const folder = await mkdtemp(join(tmpdir(), "graft-safetensors-"));

/** A file from its header's text and its data. */
function bytesOf(header: string, data: Uint8Array | number = 0): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, typeof data === "number" ? Buffer.alloc(data) : data]);
}

const entry = (dtype: string, shape: readonly number[], begin: number, end: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

async function refusal(bytes: Uint8Array): Promise<string> {
  const ranges = memoryRanges(bytes, "x.safetensors");
  const error = await openSafetensors(ranges).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(ranges.taken).toBeLessThanOrEqual(bytes.length);
  if (!(error instanceof GraftError)) throw error ?? new Error("It was read.");
  expect(error.kind).toBe("data");
  expect(error.message).toMatch(/^[^\n]+\.$/);
  return error.message;
}

describe("writing and reading", () => {
  const tensors = new Map<string, Tensor>([
    ["b", rawTensor("uint8", [3], Uint8Array.of(1, 2, 3))],
    ["a.weight", float32Tensor([2, 2], [1, -2, 3.5, 4])],
    ["__proto__", int64Tensor([1], [7])],
    ["scalar", float32Tensor([], [9])],
    ["nothing", float32Tensor([0, 4], [])],
    ['"ä\\\n', float32Tensor([1], [5])],
  ]);

  test("a written file reads back the same, with names of any kind", async () => {
    const path = join(folder, "round.safetensors");
    await writeSafetensors(path, tensors, { format: "pt" });
    const file = await openSafetensors(await openRanges(path));
    expect(new Set(file.entries.keys())).toEqual(new Set(tensors.keys()));
    for (const [name, tensor] of tensors) expect(await file.read(name)).toEqual(tensor);
    expect([...file.metadata]).toEqual([["format", "pt"]]);
    await file.close();
    expect(await readdir(folder)).toEqual(["round.safetensors"]);
    // Wide elements first, each at a multiple of its size.
    const bytes = await readFile(path);
    expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
    expect(bytes.subarray(-3)).toEqual(Buffer.of(1, 2, 3));
  });

  test("16 and 64 bit floating point becomes 32", async () => {
    const data = Buffer.alloc(8 + 4 + 4);
    data.writeDoubleLE(1 / 3, 0);
    data.writeUInt16LE(0x3555, 8); // 0.333251953125
    data.writeUInt16LE(0xfc00, 10);
    data.writeUInt16LE(0x3eab, 12); // 0.333984375
    data.writeUInt16LE(0xc040, 14); // -3
    const header = `{"d":${entry("F64", [1], 0, 8)},"h":${entry("F16", [2], 8, 12)},"b":${entry("BF16", [2], 12, 16)}}`;
    const file = await openSafetensors(memoryRanges(bytesOf(header, data)));
    const read = async (name: string): Promise<number[]> => [...asFloat32(await file.read(name))];
    expect(await read("d")).toEqual([Math.fround(1 / 3)]);
    expect(await read("h")).toEqual([0.333251953125, Number.NEGATIVE_INFINITY]);
    expect(await read("b")).toEqual([0.333984375, -3]);
  });

  test("only the bytes asked for are read", async () => {
    const header = `{"a":${entry("F32", [1000], 0, 4000)},"b":${entry("F32", [2], 4000, 4008)}}`;
    const ranges = memoryRanges(bytesOf(header, 4008));
    const file = await openSafetensors(ranges);
    const before = ranges.taken;
    expect(before).toBe(8 + header.length);
    await file.read("b");
    expect(ranges.taken - before).toBe(8);
  });

  test("spaces after the header are allowed, and metadata of any length", async () => {
    const header = `{"__metadata__":{"config":"${"x".repeat(10_000)}"},"a":${entry("F32", [1], 0, 4)}}   `;
    expect((await openSafetensors(memoryRanges(bytesOf(header, 4)))).entries.size).toBe(1);
  });

  test("tensors of texts, and one called __metadata__, cannot be written", async () => {
    const write = (name: string, tensor: Tensor): Promise<void> =>
      writeSafetensors(join(folder, "none"), new Map([[name, tensor]]));
    await expect(write("a", { type: "string", dims: [0], bytes: new Uint8Array(0) })).rejects.toThrow(RangeError);
    await expect(write("__metadata__", float32Tensor([0], []))).rejects.toThrow(RangeError);
  });
});

describe("the message names the broken rule", () => {
  const one = `{"a":${entry("F32", [2], 0, 8)}}`;
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["too short", Buffer.from("abc"), /it has only 3 bytes/],
    [
      "a header of 2^60 bytes",
      Buffer.from([0, 0, 0, 0, 0, 0, 0, 16, 123, 125]),
      /its header would have 1152921504606846976 bytes, and 100000000 are/,
    ],
    ["a header beyond the file", Buffer.from([200, 0, 0, 0, 0, 0, 0, 0, 123, 125]), /200 bytes, and the file has 10/],
    ["not an object", bytesOf("[]"), /does not begin with "\{"/],
    ["not UTF-8", Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 123, 0xff, 125]), /not UTF-8/],
    ["a type of its own", bytesOf(`{"a":${entry("F4", [2], 0, 1)}}`, 1), /"a" of .* has type "F4"/],
    ["a type from the prototype", bytesOf(`{"a":${entry("constructor", [1], 0, 4)}}`, 4), /has type "constructor"/],
    [
      "a wrong size",
      bytesOf(`{"a":${entry("F32", [3], 0, 8)}}`, 8),
      /"a" is F32 \[3\], 12 bytes, but has the range 0 to 8/,
    ],
    ["a huge shape", bytesOf(`{"a":${entry("F32", [2 ** 52, 2 ** 52], 0, 8)}}`, 8), /but has the range 0 to 8/],
    [
      "a number beyond 2^53",
      bytesOf(one.replace("[2]", "[18446744073709551616]"), 8),
      /not whole, negative or too large/,
    ],
    ["a negative number", bytesOf(one.replace("[2]", "[-2]"), 8), /not whole, negative or too large/],
    ["a fraction", bytesOf(one.replace("[2]", "[2.5]"), 8), /"\]" is missing/],
    [
      "overlapping ranges",
      bytesOf(`{"a":${entry("F32", [2], 0, 8)},"b":${entry("F32", [1], 4, 8)}}`, 8),
      /"b" starts at byte 4 instead of 8/,
    ],
    ["a hole", bytesOf(`{"a":${entry("F32", [1], 4, 8)}}`, 8), /"a" starts at byte 4 instead of 0/],
    ["bytes of no tensor", bytesOf(one, 12), /longer than its tensors/],
    ["a cut", bytesOf(one, 7), /truncated: they need 8 bytes after the header, but there are 7/],
    ["a name twice", bytesOf(`{"a":${entry("F32", [1], 0, 4)},"a":${entry("I32", [1], 0, 4)}}`, 4), /"a" occurs twice/],
    ["a field twice", bytesOf(one.replace('"shape"', '"dtype":"F32","shape"'), 8), /"dtype" occurs twice/],
    ["an unknown field", bytesOf(one.replace("shape", "size"), 8), /"size" is not a known field/],
    ["no offsets", bytesOf('{"a":{"dtype":"F32","shape":[1]}}', 4), /without dtype, shape or data_offsets/],
    ["many axes", bytesOf(one.replace("[2]", `[${Array(40).fill(1)}]`), 8), /more than 32 numbers/],
    ["metadata that is not text", bytesOf('{"__metadata__":{"a":1}}'), /" is missing/],
    ["text after the end", bytesOf("{}{}"), /more text follows/],
    ["a text without an end", bytesOf('{"abc'), /is missing at character/],
    ["a bad escape", bytesOf('{"\\x":{}}'), /a text is not JSON/],
  ];
  test.each(cases)("%s", async (_, bytes, message) => expect(await refusal(bytes)).toMatch(message));
});

test("any flip or cut gives a GraftError, or a file no larger than its bytes", async () => {
  const path = join(folder, "fuzz.safetensors");
  await writeSafetensors(
    path,
    new Map([
      ["a", float32Tensor([2, 3], [1, 2, 3, 4, 5, 6])],
      ["b", int64Tensor([2], [1, 2])],
    ]),
    { k: "v" },
  );
  const good = await readFile(path);
  const damage = fc.record({
    flips: fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
    kept: fc.oneof({ weight: 3, arbitrary: fc.constant(good.length) }, fc.nat(good.length)),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ flips, kept }) => {
      const bytes = Uint8Array.from(good.subarray(0, kept));
      for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
      const ranges = memoryRanges(bytes);
      try {
        const file = await openSafetensors(ranges);
        for (const name of file.entries.keys()) await file.read(name);
      } catch (error) {
        if (!(error instanceof GraftError)) throw error;
      }
      expect(ranges.taken).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 2000 },
  );
});
