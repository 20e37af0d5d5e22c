/**
 * The bare loop, a process of its own: JPEGs of a folder are decoded and run through the whole artifact, by ONNX Runtime, with
 * no server around it:
 *
 *     node --import tsx bench/serve/bare.ts MODEL FOLDER AHEAD THREADS SECONDS
 *
 * AHEAD images are decoded at once while another runs (1: one thing after the other); THREADS are those of a run, 0 all cores.
 * The files are in memory. Prints {images, seconds}.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mapAhead } from "../../src/base/concurrency.ts";
import { decodeImage } from "../../src/data/image/decode.ts";
import { IMAGE, PROBABILITIES } from "../../src/model/artifact-graph.ts";
import { openSession } from "../../src/onnx/session/session.ts";

const [model = "", folder = "", ...numbers] = process.argv.slice(2);
const [ahead = 1, threads = 0, seconds = 20] = numbers.map(Number);
const files = readdirSync(folder).map((file) => readFileSync(join(folder, file)));
const session = await openSession(model, { threads: threads > 0 ? threads : undefined });

/** Images without end, until the time is over. */
function* until(end: () => number): Generator<Buffer> {
  for (let i = 0; performance.now() < end(); i++) yield files[i % files.length]!;
}

async function loop(end: () => number): Promise<number> {
  let images = 0;
  for await (const { width, height, data } of mapAhead(until(end), ahead, (file) => decodeImage(file))) {
    await session.run({ [IMAGE]: { dims: [1, height, width, 3], data } }, [PROBABILITIES]);
    images++;
  }
  return images;
}

const warm = performance.now() + 1500;
await loop(() => warm);
const began = performance.now();
const images = await loop(() => began + seconds * 1000);
console.log(JSON.stringify({ images, seconds: (performance.now() - began) / 1000 }));
await session.close();
