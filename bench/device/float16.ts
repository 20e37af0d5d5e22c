/**
 * Whether a provider computes in half precision: a cast there and back, in a process of its own, because without the feature
 * `shader-f16` the cast fails and the process may then hang for ever:
 *
 *     node --import tsx bench/device/float16.ts PROVIDER
 */

import { dataTypeOf } from "../../src/onnx/codec/tensor-proto.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import { modelOf, node } from "../../src/onnx/model.ts";
import { openSession } from "../../src/onnx/session/session.ts";
import { useProvider } from "./provider.ts";

await useProvider(process.argv[2] ?? "cpu");
const model = modelOf({
  name: "half",
  nodes: [
    node("Cast", ["x"], ["half"], { to: dataTypeOf.float16 }),
    node("Mul", ["half", "half"], ["square"]),
    node("Cast", ["square"], ["y"], { to: dataTypeOf.float32 }),
  ],
  inputs: [{ name: "x", type: "float32", dims: [4] }],
  outputs: [{ name: "y" }],
  initializers: new Map(),
});
const session = await openSession(encodeModelWhole(model));
const { y } = await session.run({ x: { dims: [4], data: Float32Array.of(1, 2, 3, 4) } });
await session.close();
console.log(JSON.stringify({ float16: [1, 4, 9, 16].every((value, i) => y!.data[i] === value) }));
