/**
 * Whether this build of ONNX Runtime has its blocked convolutions, the operators of the domain `com.microsoft.nchwc`, which it
 * uses itself for convolutions whose kernel is constant. They are in no specification, so that they are tried before they
 * are relied on: a small convolution must come out as the standard one does.
 */

import { encodeModelWhole } from "../codec/write-model.ts";
import { BLOCKED, int64Tensor, modelOf, node } from "../model.ts";
import { engine, openSession } from "./session.ts";

/** Channels of the trial: a multiple of every block there is. */
const CHANNELS = 32;
const SIDE = 5;

/** The execution providers that compute on the processor. */
const PROCESSORS = new Set(["cpu", "wasm"]);

let known: Promise<boolean> | undefined;

/** Tries once a process or page; the answer is kept. */
export function hasBlockedConvolutions(): Promise<boolean> {
  known ??= tried().catch(() => false);
  return known;
}

/** A depthwise convolution both ways. */
async function tried(): Promise<boolean> {
  // A graphics card has none, and the processor would take them over, with copies to and fro.
  const first = (await engine()).providers?.[0] ?? "cpu";
  if (!PROCESSORS.has(typeof first === "string" ? first : first.name)) return false;
  const blocked = (op: string, inputs: string[], outputs: string[], attributes = {}) => ({
    ...node(op, inputs, outputs, attributes),
    domain: BLOCKED.domain,
  });
  const settings = { kernel_shape: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: CHANNELS };
  const model = modelOf({
    name: "trial",
    nodes: [
      node("Reshape", ["kernel", "asPicture"], ["picture"]),
      blocked("ReorderInput", ["x"], ["blockedX"]),
      blocked("ReorderInput", ["picture"], ["blockedPicture"]),
      node("Reshape", ["blockedPicture", "asKernel"], ["blockedKernel"]),
      blocked("Conv", ["blockedX", "blockedKernel"], ["blockedY"], settings),
      blocked("ReorderOutput", ["blockedY"], ["y"], { channels: CHANNELS }),
      node("Conv", ["x", "kernel"], ["expected"], settings),
    ],
    inputs: [
      { name: "x", type: "float32", dims: [1, CHANNELS, SIDE, SIDE] },
      { name: "kernel", type: "float32", dims: [CHANNELS, 1, 3, 3] },
    ],
    outputs: [{ name: "y" }, { name: "expected" }],
    initializers: new Map([
      ["asPicture", int64Tensor([4], [1, CHANNELS, 3, 3])],
      ["asKernel", int64Tensor([4], [CHANNELS, 1, 3, 3])],
    ]),
  });
  const session = await openSession(
    encodeModelWhole({ ...model, opsets: new Map([...model.opsets, [BLOCKED.domain, BLOCKED.version]]) }),
    { threads: 1, silent: true },
  );
  try {
    const wave = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(1.3 * i));
    const { y, expected } = await session.run({
      x: { dims: [1, CHANNELS, SIDE, SIDE], data: wave(CHANNELS * SIDE * SIDE) },
      kernel: { dims: [CHANNELS, 1, 3, 3], data: wave(CHANNELS * 9) },
    });
    const [own, standard] = [y!.data as Float32Array, expected!.data as Float32Array];
    return own.length === standard.length && own.every((value, i) => Math.abs(value - standard[i]!) < 1e-4);
  } finally {
    await session.close();
  }
}
