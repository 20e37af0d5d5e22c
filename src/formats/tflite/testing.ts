/** For tests: the fixtures that `bench/reference/tflite_reference.py` writes, and the rules that generate their inputs. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { elementCount } from "../../onnx/model.ts";
import type { RuntimeTensor } from "../../onnx/session/session.ts";

/** One run of TensorFlow's interpreter: the input and its outputs. */
export interface ReferenceRun {
  /** `real = scale × (q − zero)` with q by `rule`; `dims` are `[N, H, W, C]`. */
  readonly input: {
    readonly rule: "noise" | "waves";
    readonly dims: Dims;
    readonly scale: number;
    readonly zero: number;
  };
  /** Real values in the order of TensorFlow; `scale` is one step of the quantisation, or 0. */
  readonly outputs: readonly { readonly dims: readonly number[]; readonly scale: number; readonly values: number[] }[];
  /** Statistics of intermediate tensors. */
  readonly tensors?: Readonly<Record<string, { scale: number; mean: number; deviation: number }>>;
}
type Dims = readonly [n: number, height: number, width: number, channels: number];

/** A fixture: a small model (absent for the real network) and its runs. */
export interface Fixture {
  readonly model: Uint8Array;
  readonly operators: readonly string[];
  readonly runs: readonly ReferenceRun[];
}

const whole: Record<ReferenceRun["input"]["rule"], (y: number, x: number, c: number, dims: Dims) => number> = {
  noise: (y, x, c, [, , width, channels]) => (((y * width + x) * channels + c) * 7919 + 13) % 256,
  waves: (y, x, c) => 255 - Math.abs(255 - ((3 * x + 2 * y + 40 * c) % 510)),
};

/** The input for the converted network, `[1, C, H, W]`. */
export function inputOf({ input: { rule, dims, scale, zero } }: ReferenceRun): RuntimeTensor {
  const [, height, width, channels] = dims;
  const data = new Float32Array(elementCount(dims));
  let index = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) data[index++] = scale * (whole[rule](y, x, c, dims) - zero);
    }
  }
  return { dims: [1, channels, height, width], data };
}

/** Reads a fixture by name. */
export function loadFixture(name: string): Fixture {
  const text = readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf8");
  const { model = "", operators = [], answers: runs } = JSON.parse(text);
  return { model: model === "" ? new Uint8Array() : gunzipSync(Buffer.from(model, "base64")), operators, runs };
}
