/**
 * Graft's forward pass in a process of its own, as `../peers/torch_forward.py` is, so that memory can be compared:
 *
 *     node --import tsx bench/forward/worker.ts ARCH FILE.safetensors SIZE BATCH SECONDS
 *
 * Prints {images_per_second, load_seconds, peak_bytes, features}, as the peer does.
 */
import { resourceUsage } from "node:process";
import { measureCut } from "../../src/networks/backbone/backbone.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { openBackbone } from "../../src/train/node.ts";

const [architecture = "", weights = "", ...numbers] = process.argv.slice(2);
const [size = 224, batch = 16, seconds = 5] = numbers.map(Number);

/** cos(0.37 i) over N times [3, S, S]. */
const pictures = (count: number): Float32Array[] =>
  Array.from({ length: count }, (_, image) =>
    Float32Array.from({ length: 3 * size * size }, (_, i) => Math.cos(0.37 * (image * 3 * size * size + i))),
  );

const one = pictures(1);
const began = performance.now();
const network = await openNetwork(architecture, { weights });
const runner = openBackbone(network, await measureCut(network));
const features = await runner.forward(one);
const loadSeconds = (performance.now() - began) / 1000;

const many = pictures(batch);
await runner.forward(many);
const start = performance.now();
let images = 0;
while (performance.now() - start < seconds * 1000) {
  await runner.forward(many);
  images += batch;
}
console.log(
  JSON.stringify({
    images_per_second: images / ((performance.now() - start) / 1000),
    load_seconds: loadSeconds,
    peak_bytes: resourceUsage().maxRSS * 1024,
    features: [...features.subarray(0, 16)],
  }),
);
await runner.close();
