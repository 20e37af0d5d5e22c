import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { GraftError } from "../base/errors.ts";
import { float32Tensor } from "../onnx/model.ts";
import { hdf5Of, put } from "./hdf5/testing.ts";
import { openWeightFile } from "./open-weights.ts";
import { writeSafetensors } from "./safetensors.ts";

const folder = await mkdtemp(join(tmpdir(), "graft-weights-"));
const path = join(folder, "file");

test("a format is recognised by its first bytes, not its name", async () => {
  await writeSafetensors(path, new Map([["a", float32Tensor([1], [2])]]));
  const safetensors = await openWeightFile(path);
  expect([safetensors.format, ...safetensors.entries.keys()]).toEqual(["safetensors", "a"]);
  await safetensors.close();

  await writeFile(
    path,
    hdf5Of((root) => put(root, "conv/kernel", [1], [3])),
  );
  const hdf5 = await openWeightFile(path);
  expect([hdf5.format, ...hdf5.entries.keys()]).toEqual(["HDF5", "conv/kernel"]);
  expect(await hdf5.read("conv/kernel")).toEqual(float32Tensor([1], [3]));
  await hdf5.close();
});

test.each([
  [
    "a zip, as PyTorch's",
    Buffer.from("PK\u0003\u0004xxxxxxxxxxxx"),
    /pickle or another archive, .* is never opened: save the weights as \.safetensors/,
  ],
  ["a bare pickle", Buffer.from([0x80, 2, 0x8a, 10, 0, 0, 0, 0, 0, 0, 0, 0]), /is never opened/],
  [
    "ONNX",
    Buffer.from([8, 8, 18, 7, 112, 121, 116, 111, 114, 99, 104, 0]),
    /is an ONNX model, a complete network .* --network file\.$/,
  ],
  ["TensorFlow Lite", Buffer.from("\u001c\0\0\0TFL3xxxxxxxx"), /TensorFlow Lite model, a complete network/],
  ["TensorFlow.js", Buffer.from('{"format": "layers-model"}'), /TensorFlow\.js model .* a complete network/],
  ["something else", Buffer.from("GIF89a"), /is not a file of weights that Graft reads: pass safetensors/],
  ["nothing", Buffer.alloc(0), /is not a file of weights/],
])("%s is refused with advice", async (_, bytes, message) => {
  await writeFile(path, bytes);
  const error = await openWeightFile(path).catch((thrown: unknown) => thrown);
  if (!(error instanceof GraftError)) throw error;
  expect([error.kind, /^[^\n]+\.$/.test(error.message)]).toEqual(["data", true]);
  expect(error.message).toMatch(message);
});

test("no file, and a folder", async () => {
  await expect(openWeightFile(join(folder, "none"))).rejects.toThrow(/There is no file .*none: check the path\./);
  await expect(openWeightFile(folder)).rejects.toThrow(/is not a file: pass the path of a weight file\./);
});
