/** A small trained model for tests: shapes told apart by a tiny network, in seconds. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { discoverDataset, encodeModel, openNetwork, train } from "../../src/index.ts";
import { tinyNetwork } from "./network.ts";
import { writeShapes } from "./pictures.ts";

/** Trains on generated shapes within a folder; returns the path of `model.onnx`. */
export async function trainSmallModel(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tiny.onnx"), tinyNetwork());
  const pictures = await writeShapes(join(folder, "shapes"), { circle: 12, square: 12, triangle: 12 });
  return trainModel(join(folder, "tiny.onnx"), pictures, join(folder, "model.onnx"));
}

/** Trains a head for a network on a dataset; returns the path of the model. */
export async function trainModel(network: string, dataset: string, path: string): Promise<string> {
  const { artifact } = await train({
    dataset: await discoverDataset(dataset),
    network: await openNetwork(network, { preprocessing: "inception" }),
  });
  writeFileSync(path, Buffer.concat(encodeModel(artifact)));
  return path;
}
