import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyArtifact } from "../../tests/support/artifact.ts";
import { drawShape } from "../../tests/support/pictures.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { openSession } from "../onnx/session/session.ts";
import { artifactParts } from "./artifact-graph.ts";
import { readArtifact } from "./open-artifact.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-parts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  ["normalised", "float32"],
  ["resized", "uint8"],
] as const)("the two parts of an artifact, %s, compute the same outputs as the whole", async (at, type) => {
  const bytes = await tinyArtifact(join(folder, "scratch.onnx"));
  const parts = artifactParts(readArtifact(bytes, "tiny").model, "tiny", at);
  const whole = await openSession(bytes);
  const preparation = await openSession(encodeModelWhole(parts.preparation));
  const predictor = await openSession(encodeModelWhole(parts.predictor));
  expect(preparation.inputs).toEqual(whole.inputs);
  expect(predictor.outputs).toEqual(whole.outputs);
  const { width, height, data } = drawShape("square", 71, 43, 5);
  const image = { dims: [1, height, width, 3], data };
  const wanted = await whole.run({ image });
  expect(preparation.declared(parts.seam)?.type).toBe(type);
  const given = await predictor.run(await preparation.run({ image }));
  for (const name of whole.outputs) {
    expect(given[name]!.dims).toEqual(wanted[name]!.dims);
    const apart = [...given[name]!.data].map((value, i) => Math.abs(Number(value) - Number(wanted[name]!.data[i])));
    expect(Math.max(...apart), name).toBeLessThan(1e-5);
  }
  for (const session of [whole, preparation, predictor]) await session.close();
});

it("an artifact without the tensor to split at is rejected with the remedy", async () => {
  const bytes = await tinyArtifact(join(folder, "scratch.onnx"));
  const { model } = readArtifact(bytes, "tiny");
  const bare = { ...model, graph: { ...model.graph, nodes: [] } };
  for (const at of ["normalised", "resized"] as const)
    expect(() => artifactParts(bare, "tiny", at)).toThrow("train it again with this version of Graft");
});
