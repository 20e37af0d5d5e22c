import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyNetwork } from "../../../tests/support/network.ts";
import { openFresh } from "../init/fresh-network.ts";
import { openNetwork } from "../open.ts";
import { isBeforeCut, measureCuts } from "./backbone.ts";

describe("cuts", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "graft-cuts-"));
    writeFileSync(join(folder, "tiny.onnx"), tinyNetwork(1, 2));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are the ends of the two stages before the network's own, if nothing lists them", async () => {
    const network = await openFresh("resnet18", 1);
    const { own, others } = await measureCuts(network);
    expect(own.shape.features).toBe(512);
    expect(others).toMatchObject([
      { tensor: "layer3.1.act2", shape: { pooling: "spatial-mean", features: 256 } },
      { tensor: "layer2.1.act2", shape: { pooling: "spatial-mean", features: 128 } },
    ]);
    for (const { tensor } of others) expect(isBeforeCut(network, tensor)).toBe(true);
  });

  it("are the listed ones, and those after the network's own are recognised", async () => {
    const opened = await openNetwork(join(folder, "tiny.onnx"), { preprocessing: "imagenet" });
    const network = { ...opened, cut: "block1", cuts: ["block0", "block2"] };
    const { own, others } = await measureCuts(network);
    expect([own, ...others].map(({ tensor, shape }) => [tensor, shape.features])).toEqual([
      ["block1", 16],
      ["block0", 16],
      ["block2", 16],
    ]);
    expect(others.map(({ tensor }) => isBeforeCut(network, tensor))).toEqual([true, false]);
    await expect(measureCuts({ ...network, cuts: ["nowhere"] })).rejects.toThrow('The tensor "nowhere" of tiny.onnx');
  });

  it("are empty if the caller named one", async () => {
    const network = await openNetwork(join(folder, "tiny.onnx"), { preprocessing: "imagenet", cut: "block1" });
    expect((await measureCuts(network)).others).toEqual([]);
    expect((await measureCuts(await openFresh("resnet18", 1, { cut: "layer3.1.act2" }))).others).toEqual([]);
  });
});
