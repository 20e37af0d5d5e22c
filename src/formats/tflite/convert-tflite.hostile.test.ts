/** Damaged and hostile files: one sentence each, never a crash, never more memory than the file justifies. */
import fc from "fast-check";
import { Builder } from "flatbuffers";
import { describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import type { Model } from "../../onnx/model.ts";
import { convertTflite } from "./convert-tflite.ts";
import { loadFixture } from "./testing.ts";

const fixtures = ["by_hand", "uint8_legacy", "windows", "open_batch"].map((name) => loadFixture(name).model);
const small = fixtures[0]!;

/** The error of a conversion; undefined if the file is still a model. Fails on any error that is not Graft's. */
function refusal(bytes: Uint8Array): GraftError | undefined {
  try {
    expectModest(convertTflite(bytes, "x.tflite"), bytes.length);
    return undefined;
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    expect(error.kind).toBe("data");
    expect(error.message).toMatch(/^[^\n]+\.$/);
    return error;
  }
}

/** Constants may be four times as large as in the file (8 bits become 32), and stored in several layouts. */
function expectModest({ graph }: Model, size: number): void {
  const bytes = [...graph.initializers.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  expect(bytes).toBeLessThan(64 * size + (1 << 20));
}

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

describe("a damaged file is refused in one sentence", () => {
  it("whatever its length", () => {
    for (let length = 0; length < small.length; length++) refusal(small.slice(0, length));
    expect(refusal(small.slice(0, 0))?.message).toMatch(/not a TensorFlow Lite model/);
    expect(refusal(small.slice(0, small.length >> 1))?.message).toMatch(/damaged TensorFlow Lite model/);
  });

  it("that is of another format", () => {
    expect(refusal(new TextEncoder().encode('{"modelTopology": {}}'))?.message).toMatch(/bytes 4 to 7 are not "TFL3"/);
  });

  it("whose root is outside", () => {
    expect(refusal(patched(small, 0, 0xfffffff0))?.message).toMatch(/it refers to byte \d+ of \d+/);
  });

  it("with any word replaced by a huge, a negative or no number", () => {
    const refused = [0xffffffff, 0x7fffffff, 0x80000000, 0].map(
      (value) =>
        Array.from({ length: small.length >> 2 }, (_, word) => refusal(patched(small, 4 * word, value))).filter(Boolean)
          .length,
    );
    for (const count of refused) expect(count).toBeGreaterThan(20);
  });

  it("with bytes flipped or cut off anywhere", () => {
    const damage = fc.record({
      fixture: fc.constantFrom(...fixtures),
      flips: fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)), {
        maxLength: 8,
      }),
      kept: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    });
    fc.assert(
      fc.property(damage, ({ fixture, flips, kept }) => {
        const copy = fixture.slice(0, Math.floor(fixture.length * kept));
        for (const [where, value] of flips) if (copy.length > 0) copy[Math.floor(where * copy.length)] = value;
        refusal(copy);
      }),
      { numRuns: 2000 },
    );
  });
});

/** A model whose tensors, `count` of them, are all one table with a name of `length` letters; one operator reads them all. */
function bomb(count: number, length: number): Uint8Array {
  const builder = new Builder();
  const numbers = (values: readonly number[]): number => {
    builder.startVector(4, values.length, 4);
    for (const value of values.toReversed()) builder.addInt32(value);
    return builder.endVector();
  };
  const offsets = (values: readonly number[]): number => {
    builder.startVector(4, values.length, 4);
    for (const value of values) builder.addOffset(value);
    return builder.endVector();
  };
  const table = (fields: number, ...entries: readonly (readonly [slot: number, offset: number])[]): number => {
    builder.startObject(fields);
    for (const [slot, offset] of entries) builder.addFieldOffset(slot, offset, 0);
    return builder.endObject();
  };
  const name = builder.createString("a".repeat(length));
  const shape = numbers([1, 1, 1, 3]);
  const tensor = table(10, [0, shape], [3, name]);
  const indices = numbers(Array.from({ length: count }, (_, index) => index));
  const operator = table(9, [1, indices], [2, numbers([1])]);
  const tensors = offsets(Array<number>(count).fill(tensor));
  const subgraph = table(5, [0, tensors], [1, numbers([0])], [2, numbers([1])], [3, offsets([operator])]);
  const [subgraphs, codes, buffers] = [offsets([subgraph]), offsets([table(4)]), offsets([table(1)])];
  builder.startObject(5);
  builder.addFieldInt32(0, 3, 0);
  builder.addFieldOffset(1, codes, 0);
  builder.addFieldOffset(2, subgraphs, 0);
  builder.addFieldOffset(4, buffers, 0);
  builder.finish(builder.endObject(), "TFL3");
  return builder.asUint8Array();
}

it("reads no bytes repeatedly: thousands of tensors with one long name", () => {
  expect(refusal(bomb(20_000, 50_000))?.message).toMatch(/refers to the same bytes repeatedly/);
  expect(refusal(bomb(3, 50))?.message).not.toMatch(/repeatedly/);
});
