import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyArtifact } from "../../tests/support/artifact.ts";
import { drawShape } from "../../tests/support/pictures.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import { openSession } from "../runtime/session.ts";
import { readArtifact } from "./open.ts";
import { artifactParts } from "./parts.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-parts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("the two parts of an artifact compute what the whole does, output by output", async () => {
  const bytes = await tinyArtifact(join(folder, "scratch.onnx"));
  const parts = artifactParts(readArtifact(bytes, "tiny").model, "tiny");
  const whole = await openSession(bytes);
  const preparation = await openSession(encodeModelWhole(parts.preparation));
  const answering = await openSession(encodeModelWhole(parts.answering));
  expect(preparation.inputs).toEqual(whole.inputs);
  expect(answering.outputs).toEqual(whole.outputs);
  const { width, height, data } = drawShape("square", 71, 43, 5);
  const image = { dims: [1, height, width, 3], data };
  const wanted = await whole.run({ image });
  const { pixels } = await preparation.run({ image });
  const given = await answering.run({ pixels: pixels! });
  for (const name of whole.outputs) {
    expect(given[name]!.dims).toEqual(wanted[name]!.dims);
    const apart = [...given[name]!.data].map((value, i) => Math.abs(Number(value) - Number(wanted[name]!.data[i])));
    expect(Math.max(...apart), name).toBeLessThan(1e-5);
  }
  for (const session of [whole, preparation, answering]) await session.close();
});

it("an artifact without that seam is refused with the remedy", async () => {
  const bytes = await tinyArtifact(join(folder, "scratch.onnx"));
  const { model } = readArtifact(bytes, "tiny");
  expect(() => artifactParts({ ...model, graph: { ...model.graph, nodes: [] } }, "tiny")).toThrow("train it anew");
});
