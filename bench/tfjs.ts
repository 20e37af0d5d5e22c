/** Bench `tfjs`: the same network, weights and images through Graft's runtime and through TensorFlow.js' wasm backend. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { convertTfjs } from "../src/formats/tfjs/convert-tfjs.ts";
import { encodeModelWhole } from "../src/onnx/codec/write-model.ts";
import { openSession, type Session } from "../src/onnx/session/session.ts";
import { ratios, spread, verdict } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";
import { openTfjs } from "./support/tfjs-model.ts";

const FOLDER = shared("networks", "mobilenet_v1_075_224_tfjs");
const SIZE = 224;

/** One way to run the network: images `[N, S, S, 3]` → probabilities `[N, 1000]`. */
type Forward = (pixels: Float32Array, batch: number) => Promise<Float32Array>;

/** Measures and prints. Each round runs every contender once, in turn. */
export async function benchTfjs(given: readonly string[]): Promise<void> {
  const { batch, repeat } = readFlags(given, { batch: 16, repeat: 3 });
  const tfjs = await openTfjs(FOLDER);
  const bytes = encodeModelWhole(
    await convertTfjs(
      await readFile(join(FOLDER, "model.json"), "utf8"),
      (file) => readFile(join(FOLDER, file)),
      FOLDER,
    ),
  );
  const allCores = await openSession(bytes);
  const oneThread = await openSession(bytes, { threads: 1 });
  const contenders: readonly Forward[] = [graft(allCores), graft(oneThread), tfjs.forward];
  const random = createRandom(0);
  const pixels = Float32Array.from({ length: batch * SIZE * SIZE * 3 }, () => random.next() * 2 - 1);

  const answers: Float32Array[] = [];
  for (const forward of contenders) answers.push(await forward(pixels, batch)); // also warms up
  const rates: number[][] = contenders.map(() => []);
  for (let round = 0; round < repeat; round++) {
    for (const [i, forward] of contenders.entries()) rates[i]!.push(await imagesPerSecond(forward, pixels, batch));
  }
  console.log(`tfjs: MobileNetV1 0.75 at 224 px, whole network, batch ${batch}, ${repeat} run(s) of each in turn`);
  console.log(machine());
  console.log(`Peer: TensorFlow.js ${tfjs.version}, wasm backend, SIMD ${tfjs.simd ? "on" : "off"}, ${tfjs.threads}`);
  const [own, single, peer] = rates as [number[], number[], number[]];
  const row = (name: string, values: readonly number[], judge = (_: number[]): string => ""): string[] => {
    const faster = ratios(values, peer);
    return [name, spread(values), `${spread(faster, "×")}`, judge(faster)];
  };
  printTable("Forward, images/s, median (min–max); ratios of runs in turn", [
    ["", "images/s", "Graft is faster", ""],
    row("Graft, all cores", own, (faster) => verdict(faster, 10)),
    row("Graft, one thread", single),
    ["TensorFlow.js wasm", spread(peer), "", ""],
  ]);
  const apart = answers[0]!.reduce((most, value, i) => Math.max(most, Math.abs(value - answers[2]![i]!)), 0);
  console.log(`Largest difference of a probability between the two: ${apart.toExponential(1)}.`);
  await allCores.close();
  await oneThread.close();
}

/** Seconds of runs that add up to one second at least, so that fast and slow contenders are timed alike. */
async function imagesPerSecond(forward: Forward, pixels: Float32Array, batch: number): Promise<number> {
  const began = performance.now();
  for (let images = batch; ; images += batch) {
    await forward(pixels, batch);
    const seconds = (performance.now() - began) / 1000;
    if (seconds >= 1) return images / seconds;
  }
}

/** The converted network: channels first, so the pixels are rearranged, once, outside the clock's inner loop. */
function graft(session: Session): Forward {
  const arranged = new WeakMap<Float32Array, Float32Array>();
  return async (pixels, batch) => {
    const data = arranged.get(pixels) ?? channelsFirst(pixels, batch);
    arranged.set(pixels, data);
    const result = await session.run({ [session.inputs[0]!]: { dims: [batch, 3, SIZE, SIZE], data } });
    return result[session.outputs[0]!]!.data as Float32Array;
  };
}

/** `[N, S, S, 3]` → `[N, 3, S, S]`. */
function channelsFirst(pixels: Float32Array, batch: number): Float32Array {
  const area = SIZE * SIZE;
  const result = new Float32Array(pixels.length);
  for (let n = 0; n < batch; n++) {
    for (let at = 0; at < area; at++) {
      for (let c = 0; c < 3; c++) result[(n * 3 + c) * area + at] = pixels[(n * area + at) * 3 + c]!;
    }
  }
  return result;
}
