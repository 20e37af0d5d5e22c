import { describe, expect, test } from "vitest";
import { asFloat32 } from "../../onnx/model.ts";
import { memoryRanges } from "../testing.ts";
import { openKerasH5 } from "./keras-h5.ts";
import { hdf5Of, put } from "./testing.ts";

const open = (bytes: Uint8Array) => openKerasH5(memoryRanges(bytes, "x.h5"));
const names = async (bytes: Uint8Array): Promise<string[]> => [...(await open(bytes)).entries.keys()].sort();

describe.each(["earliest", "latest"] as const)("the format's %s structures", (libver) => {
  test("values, shapes and types", async () => {
    const bytes = hdf5Of((root) => {
      put(root, "dense/dense/kernel", [2, 3], [1, 2, 3, 4, 5, 6.5]);
      root.create_dataset({ name: "dense/dense/bias", data: Float64Array.of(0.1), shape: [1], dtype: "<d" });
      root.create_dataset({ name: "dense/dense/steps", data: Int32Array.of(7), shape: [1], dtype: "<i" });
      root.create_dataset({ name: "dense/dense/scalar", data: Float32Array.of(8), shape: [], dtype: "<f" });
    }, libver);
    const file = await open(bytes);
    expect(await file.read("dense/kernel").then((t) => [t.dims, [...asFloat32(t)]])).toEqual([
      [2, 3],
      [1, 2, 3, 4, 5, 6.5],
    ]);
    expect(await file.read("dense/bias").then((t) => [t.dims, [...asFloat32(t)]])).toEqual([[1], [Math.fround(0.1)]]);
    expect(file.entries.get("dense/steps")).toMatchObject({ type: "int32", dims: [1] });
    expect(await file.read("dense/scalar").then((t) => [t.dims, [...asFloat32(t)]])).toEqual([[], [8]]);
  });

  test("numbered variables of Keras 3 get names by the class of their layer", async () => {
    const bytes = hdf5Of((root) => {
      const layer = (group: string, name: string, count: number): void => {
        for (let i = 0; i < count; i++) put(root, `layers/${group}/vars/${i}`, [1], [i]);
        root.get(`/layers/${group}/vars`)!;
        (root.get(`/layers/${group}/vars`) as typeof root).create_attribute("name", name);
      };
      layer("conv2d", "stem_conv", 1);
      layer("depthwise_conv2d_3", "block1a_dwconv", 2);
      layer("batch_normalization_1", "bn", 4);
      layer("batch_normalization_2", "bn_without_scale", 3);
      layer("dense", "predictions", 2);
      root.create_group("layers/flatten");
    }, libver);
    expect(await names(bytes)).toEqual(
      [
        ...[
          "stem_conv/kernel",
          "block1a_dwconv/kernel",
          "block1a_dwconv/bias",
          "predictions/kernel",
          "predictions/bias",
        ],
        ...["bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"],
        ...["bn_without_scale/beta", "bn_without_scale/moving_mean", "bn_without_scale/moving_variance"],
      ].sort(),
    );
  });
});

describe("names of Keras' versions", () => {
  test.each([
    ["today", "conv/conv/kernel", "conv/kernel"],
    ["with TensorFlow's output number", "conv/conv/kernel:0", "conv/kernel"],
    ["of the first VGG", "block1_conv1/block1_conv1_W_1:0", "block1_conv1/kernel"],
    ["of the first VGG's bias", "fc1/fc1_b_1:0", "fc1/bias"],
    ["depthwise", "dw/dw/depthwise_kernel:0", "dw/kernel"],
    ["a layer in a layer", "stem/stem/stem_conv/bias", "stem_conv/bias"],
    ["a layer scale", "scale/variable_17", "scale/gamma"],
    ["a whole model", "model_weights/conv/conv/kernel", "conv/kernel"],
  ])("%s", async (_, path, name) => {
    expect(await names(hdf5Of((root) => put(root, path, [1], [0])))).toEqual([name]);
  });

  test("an optimiser's state is not a weight", async () => {
    const bytes = hdf5Of((root) => {
      put(root, "conv/conv/kernel", [1], [0]);
      put(root, "optimizer_weights/adam/conv/kernel", [1], [0]);
    });
    expect(await names(bytes)).toEqual(["conv/kernel"]);
  });

  test("numbers of the Python session start again at the first layer", async () => {
    const bytes = hdf5Of((root) => {
      for (const number of [188, 189, 282]) put(root, `conv2d_${number}/kernel`, [1], [0]);
      for (const name of ["batch_normalization", "batch_normalization_4"]) put(root, `${name}/beta`, [1], [0]);
      put(root, "conv_7/kernel", [1], [0]);
    });
    expect(await names(bytes)).toEqual(
      [
        ...["conv2d/kernel", "conv2d_1/kernel", "conv2d_94/kernel", "conv_7/kernel"],
        ...["batch_normalization/beta", "batch_normalization_4/beta"],
      ].sort(),
    );
  });
});

describe("refused in one sentence", () => {
  const refusal = (write: Parameters<typeof hdf5Of>[0], libver?: "earliest" | "latest") =>
    open(hdf5Of(write, libver)).then(
      () => "",
      (error: Error) => error.message,
    );

  test("a file without weights", async () => {
    expect(await refusal(() => undefined)).toMatch(
      /^x\.h5 contains no weights: pass a file that Keras' save_weights wrote\.$/,
    );
  });

  test("layers without names", async () => {
    expect(await refusal((root) => put(root, "layers/conv2d/vars/0", [1], [0]))).toMatch(/has no layer names/);
  });

  test("one weight twice", async () => {
    const twice = refusal((root) => {
      put(root, "a/conv/kernel", [1], [0]);
      put(root, "b/conv/kernel", [1], [0]);
    });
    expect(await twice).toMatch(/two weights "conv\/kernel"/);
  });

  test("compressed values and values in chunks", async () => {
    const chunked = (compression?: "gzip") =>
      refusal((root) => {
        const data = new Float32Array(100);
        root.create_dataset({
          name: "a",
          data,
          shape: [100],
          dtype: "<f",
          chunks: [10],
          ...(compression ? { compression } : {}),
        });
      });
    expect(await chunked("gzip")).toMatch(/contains compressed values \("\/a"\), which Keras does not write/);
    expect(await chunked()).toMatch(/contains values in chunks \("\/a"\)/);
  });

  test("big-endian numbers and compounds", async () => {
    const compound = refusal((root) => {
      const dtype: [string, string][] = [["x", "<f"]];
      root.create_dataset({ name: "a", data: new Map([["x", [1]]]) as never, shape: [1], dtype });
    });
    expect(await compound).toMatch(/contains elements of HDF5 class 6/);
  });

  test.each(["earliest", "latest"] as const)("links elsewhere (%s)", async (libver) => {
    const linked = (link: (root: Parameters<Parameters<typeof hdf5Of>[0]>[0]) => void) =>
      refusal((root) => {
        put(root, "a/kernel", [1], [0]);
        link(root);
      }, libver);
    expect(await linked((root) => root.create_soft_link("/a", "soft"))).toMatch(/link to another place/);
    expect(await linked((root) => root.create_external_link("/etc/passwd", "/", "out"))).toMatch(
      /has no address|link to another/,
    );
    expect(await linked((root) => root.create_hard_link("/a/kernel", "twice"))).toMatch(/is also elsewhere in it/);
    expect(await linked((root) => root.create_hard_link("/", "a/circle"))).toMatch(/contains itself/);
  });
});
