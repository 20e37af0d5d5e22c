/** What this machine reaches at best: the multiply-adds a second of a plain product of large matrices, on the same runtime. */

import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import { float32Tensor, modelOf, node } from "../../src/onnx/model.ts";
import { openSession } from "../../src/onnx/session/session.ts";

const SIDE = 2048;
const SECONDS = 2;

/** Multiply-adds a second of `[2048, 2048] × [2048, 2048]`. */
export async function matrixProductRate(): Promise<number> {
  const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 17) / 17);
  const session = await openSession(
    encodeModelWhole(
      modelOf({
        name: "product",
        nodes: [node("MatMul", ["x", "w"], ["y"])],
        inputs: [{ name: "x", type: "float32", dims: [SIDE, SIDE] }],
        outputs: [{ name: "y", type: "float32" }],
        initializers: new Map([["w", float32Tensor([SIDE, SIDE], values)]]),
      }),
    ),
  );
  const x = { dims: [SIDE, SIDE], data: values };
  await session.run({ x });
  const began = performance.now();
  let products = 0;
  while (performance.now() - began < SECONDS * 1000) {
    await session.run({ x });
    products++;
  }
  const seconds = (performance.now() - began) / 1000;
  await session.close();
  return (products * SIDE ** 3) / seconds;
}
