import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { asFloat32, float32Tensor, modelOf, node } from "../../onnx/model.ts";
import { measureCut } from "../backbone/backbone.ts";
import { type Network, parameterNames } from "../network.ts";
import { openFresh } from "./fresh-network.ts";

const valuesOf = ({ model }: Network): readonly Float32Array[] =>
  parameterNames(model.graph).map((name) => asFloat32(model.graph.initializers.get(name)!));

/** A digest of each parameter's bytes: comparing millions of numbers one by one takes minutes on a busy machine. */
const digestsOf = (network: Network): readonly string[] =>
  valuesOf(network).map((values) => createHash("sha256").update(values).digest("hex"));

describe("openFresh", () => {
  test("an architecture needs no download, and its seed determines every byte", async () => {
    const [one, again, other] = [
      await openFresh("mobilenetv2_035", 1),
      await openFresh("mobilenetv2_035", 1),
      await openFresh("mobilenetv2_035", 2),
    ];
    expect(digestsOf(one)).toEqual(digestsOf(again));
    expect(one.sha256).toBe(again.sha256);
    expect(one.sha256).not.toBe(other.sha256);
    expect(digestsOf(one)).not.toEqual(digestsOf(other));
    expect(one).toMatchObject({ source: "from scratch, seed 1", preprocessing: { size: 224 } });
    expect(one.stages?.map(({ name }) => name)).toContain("blocks.6");
  });

  test.each([
    ["small_resnet_64", 64, 2048],
    ["small_resnet_128", 128, 2048],
    ["small_resnet_wide_64", 64, 4096],
    ["small_resnet_wide_128", 128, 4096],
  ])("%s, which is trained only from scratch", async (name, size, features) => {
    const network = await openFresh(name, 1);
    expect(network).toMatchObject({ name, preprocessing: { size } });
    expect(await measureCut(network)).toMatchObject({ features });
  });

  test("of a file, every parameter is drawn again, and the changes are listed", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "graft-fresh-")), "small.onnx");
    const odd = (size: number): Float32Array => new Float32Array(size).fill(7);
    const graph = {
      name: "small",
      nodes: [
        node("Conv", ["input", "kernel", "bias"], ["map"], { pads: [1, 1, 1, 1] }),
        node("Relu", ["map"], ["shown"]),
        node("GlobalAveragePool", ["shown"], ["mean"]),
        node("Flatten", ["mean"], ["features"]),
        node("Gemm", ["features", "classifier"], ["logits"]),
      ],
      inputs: [{ name: "input", type: "float32", dims: ["N", 3, 16, 16] }],
      outputs: [{ name: "logits", type: "float32", dims: ["N", 5] }],
      initializers: new Map([
        ["kernel", float32Tensor([4, 3, 3, 3], odd(108))],
        ["bias", float32Tensor([4], odd(4))],
        ["classifier", float32Tensor([4, 5], odd(20))],
      ]),
    } as const;
    writeFileSync(path, encodeModelWhole(modelOf(graph)));
    const network = await openFresh(path, 1, { preprocessing: "imagenet" });
    for (const values of valuesOf(network)) expect(values).not.toContain(7);
    expect(network.changes?.join(" ")).toMatch(/Initialised .*He normal/);
    expect(network.licence).toContain("none");
  });

  test("additional weights and unknown names are usage errors", async () => {
    await expect(openFresh("mobilenetv2_035", 1, { weights: "w.safetensors" })).rejects.toThrow("exclude each other");
    await expect(openFresh("resnet19", 1)).rejects.toThrow('Unknown network "resnet19"');
  });
});
