import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { encodeModelWhole } from "../codec/write-model.ts";
import { modelOf, node } from "../model.ts";
import { openSession } from "./session.ts";

/** Stands in for the Float16Array of Node 24 and browsers: two bytes per number, and not a Uint16Array. */
class TwoBytes extends Int16Array {}

// ONNX Runtime looks for the class once, when its first tensor is made.
beforeAll(() => {
  if (!("Float16Array" in globalThis)) vi.stubGlobal("Float16Array", TwoBytes);
});
afterEach(() => vi.unstubAllGlobals());

it("float16 goes in and comes out as its bits, also where JavaScript has a Float16Array", async () => {
  const session = await openSession(
    encodeModelWhole(
      modelOf({
        name: "halves",
        nodes: [node("Cast", ["x"], ["numbers"], { to: 1 }), node("Identity", ["x"], ["same"])],
        inputs: [{ name: "x", type: "float16", dims: [4] }],
        outputs: [
          { name: "numbers", type: "float32", dims: [4] },
          { name: "same", type: "float16", dims: [4] },
        ],
        initializers: new Map(),
      }),
    ),
  );
  // 1, 2, 0 and −1 by IEEE 754, after an element that is not part of the tensor.
  const bits = Uint16Array.of(0x7c00, 0x3c00, 0x4000, 0, 0xbc00).subarray(1);
  const { numbers, same } = await session.run({ x: { dims: [4], data: bits, type: "float16" } });
  expect(numbers!.data).toEqual(Float32Array.of(1, 2, 0, -1));
  expect(same).toEqual({ dims: [4], data: new Uint16Array(bits), type: "float16" });
  await session.close();
});
