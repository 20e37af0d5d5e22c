/** The model in the visitor's browser: pixels in, probabilities out, by ONNX Runtime's WebAssembly. */
import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";

export interface Ranked {
  readonly label: string;
  readonly probability: number;
}

export interface Model {
  /** Every class, the most probable first. */
  predict(picture: Blob): Promise<readonly Ranked[]>;
}

/** Larger pictures are refused: 100 megapixels, as everywhere in Graft. */
const MAX_PIXELS = 100_000_000;

export async function loadModel(
  model: Uint8Array<ArrayBuffer>,
  runtime: Uint8Array<ArrayBuffer>,
  classes: readonly string[],
): Promise<Model> {
  env.wasm.wasmBinary = runtime.buffer;
  // A page from a disk has no shared memory, and so no threads.
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
  return {
    async predict(picture) {
      const { width, height, data } = await pixelsOf(picture);
      const image = new Tensor("uint8", data, [1, height, width, 3]);
      const { probabilities } = await session.run({ image }, ["probabilities"]);
      const values = (await probabilities!.getData()) as Float32Array;
      return classes
        .map((label, i) => ({ label, probability: values[i]! }))
        .sort((a, b) => b.probability - a.probability);
    },
  };
}

/** Upright sRGB pixels, alpha over white. */
async function pixelsOf(picture: Blob): Promise<{ width: number; height: number; data: Uint8Array }> {
  const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image", premultiplyAlpha: "none" }).catch(
    () => {
      throw new Error("This is no picture that the browser can read.");
    },
  );
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new Error("The picture has more than 100 megapixels: make it smaller first.");
  const context = new OffscreenCanvas(width, height).getContext("2d", {
    willReadFrequently: true,
    colorSpace: "srgb",
  })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4) {
    const alpha = rgba[from + 3]!;
    for (let c = 0; c < 3; c++) data[to++] = (rgba[from + c]! * alpha + 255 * (255 - alpha)) / 255;
  }
  return { width, height, data };
}
