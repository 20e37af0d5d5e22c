/** Bench `scratch`: which initialisation suits a network with folded batch norm that is trained from scratch. */
import { createRandom } from "../src/base/random.ts";
import { discoverDataset } from "../src/data/dataset/discover.ts";
import { decodeImage } from "../src/data/image/decode.ts";
import { openFile } from "../src/networks/open.ts";
import { measureShapes } from "../src/onnx/session/shapes.ts";
import { openBackbone } from "../src/train/node.ts";
import { type Examples, type Outcome, train } from "./scratch/train.ts";
import { starts } from "./scratch/ways.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

/**
 * Trains MobileNetV2 (batch norm folded) for a few steps from each start and prints losses and accuracies. Each start is to
 * be judged by its best learning rate and limit of the gradients (`--clip` 1 and 5): what suits one ruins another.
 */
export async function benchScratch(given: readonly string[]): Promise<void> {
  const { data, size, steps, batch, clip, seed, peaks } = readFlags(given, {
    data: "sign-digits",
    size: 64,
    steps: 200,
    batch: 32,
    clip: 5,
    seed: 1,
    peaks: "0.05,0.2,0.8",
  });
  const opened = await openFile(shared("networks", "mobilenet_v2_100_224.onnx"));
  const network = { ...opened, preprocessing: { ...opened.preprocessing, size } };
  const input = network.model.graph.inputs[0]!;
  const model = {
    ...network.model,
    graph: { ...network.model.graph, inputs: [{ ...input, dims: ["N", 3, size, size] }] },
  };
  const runner = openBackbone(network, { pooling: "none", features: 0 });
  const dataset = await discoverDataset(shared("datasets", data));
  const load = async (isTest: boolean): Promise<Examples> => {
    const chosen = dataset.examples.filter(({ split }) => (split === "test") === isTest);
    const pixels: Float32Array[] = [];
    for (const { path } of chosen) pixels.push(await runner.prepare(await decodeImage(path)));
    return { pixels, labels: chosen.map(({ label }) => label) };
  };
  const [learn, test] = [await load(false), await load(true)];
  await runner.close();

  const shapes = await measureShapes(model, { [input.name]: [batch, 3, size, size] });
  const sample = new Float32Array(batch * 3 * size * size);
  learn.pixels.slice(0, batch).forEach((one, i) => {
    sample.set(one, i * one.length);
  });
  const ways = await starts(model, shapes, { dims: [batch, 3, size, size], data: sample }, seed);
  const logits = network.model.graph.nodes.find(({ op }) => op === "Softmax")!.inputs[0]!;
  const recipe = { steps, batch, clip };
  console.log(
    `scratch: MobileNetV2 1.0 at ${size} px, ${data}, ${steps} steps of ${batch}, gradients of norm ${clip} at the most, seed ${seed}`,
  );
  console.log(machine());
  const rates = peaks.split(",").map(Number);
  const rows: string[][] = [];
  for (const { name, model: start } of ways) {
    const outcomes: Outcome[] = [];
    for (const peak of rates)
      outcomes.push(await train(start, logits, learn, test, { ...recipe, peak }, createRandom(seed)));
    console.error(
      `${name}: ${outcomes.map(({ loss, accuracy }) => `${loss.toFixed(3)} / ${accuracy.toFixed(3)}`).join(", ")}`,
    );
    rows.push([name, ...outcomes.map(({ loss, accuracy }) => `${loss.toFixed(3)} / ${accuracy.toFixed(3)}`)]);
  }
  printTable("Training loss at the end / test accuracy, by peak learning rate", [["", ...rates.map(String)], ...rows]);
}
