import { describe, expect, test } from "vitest";
import type { WeightFile } from "../../formats/weight-file.ts";
import { asFloat32, float32Tensor, int64Tensor, type Tensor } from "../../onnx/model.ts";
import { architectures, define } from "../architectures/architecture-registry.ts";
import { withWeights } from "../architectures/definition-weights.ts";
import { parityWeights } from "../architectures/testing.ts";
import { namingsOf } from "./family-names.ts";
import { type LoadOptions, loadWeights } from "./load-weights.ts";
import { dialectOf, type NamingKind } from "./naming.ts";
import { emptyFile, fileOf } from "./testing.ts";
import { fromLayout } from "./weight-layout.ts";

const load = (architecture: string, file: WeightFile, options?: LoadOptions) =>
  loadWeights(architectures.get(architecture)!, file, options);

/** The file that a library would write for an architecture: names and shapes. */
function written(architecture: string, kind: NamingKind, classes?: number, path?: string): WeightFile {
  const definition = define(architecture, { dialect: dialectOf[kind], ...(classes === undefined ? {} : { classes }) });
  const row = namingsOf(architecture).find((each) => each.kind === kind)!;
  return emptyFile(definition, row.of(definition), path);
}

/** A file without the entries whose names match. */
const without = (file: WeightFile, pattern: RegExp): WeightFile => ({
  ...file,
  entries: new Map([...file.entries].filter(([name]) => !pattern.test(name))),
});

/** A file with additional entries. */
const withEntries = (file: WeightFile, more: Readonly<Record<string, Tensor>>): WeightFile => ({
  ...file,
  entries: new Map([...file.entries, ...Object.entries(more)]),
  read: async (name) => more[name] ?? file.read(name),
});

const refusal = (architecture: string, file: WeightFile, options?: LoadOptions): Promise<string> =>
  load(architecture, file, options).then(
    () => "",
    (error: Error) => error.message,
  );

describe("the names in a file", () => {
  const kinds: readonly NamingKind[] = ["timm", "torchvision", "keras"];
  test.each(["mobilenetv2_035", "mobilenetv3_small_100", "efficientnet_b0", "convnext_tiny"])("%s", async (name) => {
    for (const kind of kinds) {
      const { naming, definition, weights, notop, absent } = await load(name, written(name, kind));
      expect([naming, notop, absent.length]).toEqual([kind, false, 0]);
      // The dialect's own definition; every parameter has its shape.
      expect(definition.graph).toEqual(define(name, { dialect: dialectOf[kind] }).graph);
      withWeights(definition, weights);
    }
  });

  test("ResNet's names of 2015, and of later", async () => {
    const keras = written("resnet50", "keras");
    const old = new Map(
      [...keras.entries].map(([name, entry]) => [
        name
          .replace(/^conv1_conv\//, "conv1/")
          .replace(/^conv1_bn\//, "bn_conv1/")
          .replace(
            /^conv(\d)_block(\d)_0_(conv|bn)/,
            (_, s, b, kind) => `${kind === "bn" ? "bn" : "res"}${s}${"abcdef"[b - 1]}_branch1`,
          )
          .replace(
            /^conv(\d)_block(\d)_(\d)_(conv|bn)/,
            (_, s, b, n, kind) => `${kind === "bn" ? "bn" : "res"}${s}${"abcdef"[b - 1]}_branch2${"abc"[n - 1]}`,
          )
          .replace("predictions", "fc1000"),
        entry,
      ]),
    );
    expect(old.has("res4f_branch2c/kernel")).toBe(true);
    const read = async (name: string): Promise<Tensor> => {
      const { dims } = old.get(name)!;
      return float32Tensor(dims, new Float32Array(dims.reduce((n, size) => n * size, 1)));
    };
    expect(await load("resnet50", { ...keras, entries: old, read })).toMatchObject({ naming: "keras", notop: false });
  });

  test("layers of unknown names are matched by order, as Keras itself reads them", async () => {
    const renamed = (file: WeightFile): WeightFile => {
      const layers = [...new Set([...file.entries.keys()].map((name) => name.split("/")[0]!))];
      const old = (layer: string): string => `mobl${layers.indexOf(layer)}_old`;
      const names = new Map([...file.entries.keys()].map((name) => [name.replace(/^[^/]+/, old), name]));
      return {
        ...file,
        layers: layers.map(old),
        entries: new Map([...names].map(([name, was]) => [name, file.entries.get(was)!])),
        read: (name) => file.read(names.get(name)!),
      };
    };
    const file = written("mobilenetv2_035", "keras");
    const whole = await load("mobilenetv2_035", renamed(file));
    expect([whole.naming, whole.notop, whole.weights.size]).toEqual(["keras", false, 262]);
    expect(await load("mobilenetv2_035", renamed(without(file, /^predictions/)))).toMatchObject({ notop: true });
    expect(await refusal("mobilenetv2_050", renamed(file))).toMatch(/None of the names in weights \(mobl0_old/);
    // A network with branches has no unique order.
    expect(await refusal("resnet50", renamed(written("resnet50", "keras")))).toMatch(/None of the names/);
  });

  test("entries that are not parameters are ignored", async () => {
    const steps = withEntries(written("resnet18", "timm"), { "bn1.num_batches_tracked": int64Tensor([], [5]) });
    expect((await load("resnet18", steps)).weights.has("bn1.num_batches_tracked")).toBe(false);
    const auxiliary = withEntries(written("inception_v3", "timm"), { "AuxLogits.fc.bias": float32Tensor([1], [0]) });
    expect((await load("inception_v3", auxiliary)).naming).toBe("timm");
    const normalising = withEntries(written("efficientnet_b0", "keras"), {
      "normalization/count": int64Tensor([], [0]),
      "normalization/mean": float32Tensor([3], [0, 0, 0]),
    });
    expect((await load("efficientnet_b0", normalising)).naming).toBe("keras");
  });
});

describe("values", () => {
  test("Keras' axes are reordered to Graft's", async () => {
    const definition = define("mobilenetv2_035", { dialect: "keras" });
    const naming = namingsOf("mobilenetv2_035")
      .find(({ kind }) => kind === "keras")!
      .of(definition);
    const ours = parityWeights(definition, 1);
    // Each tensor as Keras stores it: the inverse of reading, by the general transposition.
    const stored = [...ours].map(([name, tensor]) => {
      const { names, layout } = naming.source(name, tensor.dims)!;
      const { order } = layout;
      const dims = order ? order.map((_, axis) => tensor.dims[order.indexOf(axis)]!) : tensor.dims;
      return [
        names[0]!,
        order ? fromLayout({ order: order.map((_, axis) => order.indexOf(axis)) }, tensor, dims) : tensor,
      ] as const;
    });
    const { weights } = await load("mobilenetv2_035", fileOf(new Map(stored)));
    expect(weights.size).toBe(ours.size);
    for (const [name, { dims, bytes }] of ours) {
      const read = weights.get(name)!;
      expect([name, read.dims, Buffer.compare(read.bytes, bytes)]).toEqual([name, dims, 0]);
    }
  });

  test("torchvision's larger epsilon is added to the variances of MobileNetV3", async () => {
    const { weights } = await load("mobilenetv3_small_100", written("mobilenetv3_small_100", "torchvision"));
    expect(asFloat32(weights.get("bn1.running_var")!)[0]).toBeCloseTo(1e-3 - 1e-5, 9);
    expect(asFloat32(weights.get("bn1.running_mean")!)[0]).toBe(0);
  });
});

describe("the classifier", () => {
  test.each([
    ["resnet18", "timm"],
    ["mobilenetv3_small_100", "torchvision"],
    ["mobilenetv3_small_100", "keras"],
    ["efficientnet_b0", "keras"],
  ] as const)("has as many classes as the file's: %s, %s", async (name, kind) => {
    const { definition, weights } = await load(name, written(name, kind, 7));
    expect(definition.parameters.get(`${definition.classifier}.weight`)?.dims[0]).toBe(7);
    withWeights(definition, weights);
  });

  test("may be missing: the network then ends in its features", async () => {
    const file = without(written("resnet18", "timm"), /^fc\./);
    const { definition, weights, notop, absent } = await load("resnet18", file);
    expect([notop, absent]).toEqual([true, ["fc.weight", "fc.bias"]]);
    expect(definition.graph.outputs).toEqual([{ name: definition.features.tensor, type: "float32", dims: ["N", 512] }]);
    withWeights(definition, weights);
  });

  test.each([
    ["vgg16", /^(fc[12]|predictions)\//, 512, "features.24"],
    ["mobilenetv3_small_100", /^(conv_2|logits)\//, 576, "blocks.5"],
  ] as const)("Keras leaves out layers before it too: %s", async (name, top, size, last) => {
    const { definition, weights, notop } = await load(name, without(written(name, "keras"), top));
    expect([notop, definition.features.size, definition.stages.at(-1)?.name]).toEqual([true, size, last]);
    withWeights(definition, weights);
  });

  test("half of it is an error", async () => {
    const half = without(written("resnet18", "timm"), /^fc\.bias$/);
    expect(await refusal("resnet18", half)).toMatch(/do not fit resnet18: missing fc\.bias;/);
  });
});

describe("a wrong file", () => {
  test("of another depth: three names of each kind, and the architecture that fits", async () => {
    const others = new Map(["resnet18", "resnet34", "vgg11"].map((name) => [name, architectures.get(name)!]));
    const file = written("resnet34", "timm", undefined, "w.safetensors");
    expect(await refusal("resnet18", file, { others })).toBe(
      "The weights in w.safetensors do not fit resnet18: unexpected layer1.2.conv1.weight, layer1.2.bn1.weight, layer1.2.bn1.bias and 77 more; they fit resnet34: choose that network.",
    );
  });

  test("of another shape", async () => {
    const other = await refusal("mobilenetv2_050", written("mobilenetv2_035", "keras", undefined, "m.h5"));
    expect(other).toMatch(
      /^The weights in m\.h5 do not fit mobilenetv2_050: of another shape \S+ \(float32 \[[\d,]+\], not \[[\d,]+\]\), .* and \d+ more; pass weights made for mobilenetv2_050 by timm, torchvision or Keras\.$/,
    );
  });

  test("of unknown names only", async () => {
    const strange = fileOf(new Map([["encoder/w", float32Tensor([1], [0])]]), "s.h5");
    expect(await refusal("resnet18", strange)).toBe(
      "None of the names in s.h5 (encoder/w, …) belongs to resnet18; pass weights made for resnet18 by timm, torchvision or Keras.",
    );
  });

  test("of integers", async () => {
    const file = withEntries(written("resnet18", "timm"), {
      "conv1.weight": int64Tensor([64, 3, 7, 7], Array(64 * 147).fill(0)),
    });
    expect(await refusal("resnet18", file)).toMatch(
      /of another shape conv1\.weight \(int64 \[64,3,7,7\], not \[64,3,7,7\]\)/,
    );
  });
});

test("a position embedding for another input size is accepted, to be resampled", async () => {
  const { definition, weights } = await load("vit_tiny_patch16_224", written("vit_tiny_patch16_224", "timm"), {
    inputSize: 160,
  });
  expect(weights.get("pos_embed")?.dims).toEqual([1, 197, 192]);
  expect(withWeights(definition, weights).graph.initializers.get("pos_embed")?.dims).toEqual([1, 101, 192]);
});
