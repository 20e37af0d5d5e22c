/**
 * Decodes image files in a process of its own, all at once, and prints what that took:
 *
 *     node --import tsx tests/support/decode-child.ts MEMORY_BYTES FILE…
 *
 * `{ estimated, peak, seconds, outcomes }`: the largest estimate for one file, the process' peak beyond what it had before, and for each
 * file its size in pixels or the code of the error.
 */
import { readFileSync } from "node:fs";
import { createBudget } from "../../src/base/concurrency.ts";
import { GraftError } from "../../src/base/errors.ts";
import { decodeImage, withImage } from "../../src/data/image/decode.ts";
import { failFor, readHeader } from "../../src/data/image/image-header.ts";
import { pngOfSize } from "./bomb.ts";

const [size = "", ...files] = process.argv.slice(2);
const memory = createBudget(Number(size));
const peak = (): number => 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]);

const all = files.map((file) => readFileSync(file));
let estimated = 0;
for (const bytes of all) {
  const limits = { maxMemoryBytes: Number.POSITIVE_INFINITY };
  const header = await readHeader(bytes, failFor("it"), limits).catch(() => undefined);
  estimated = Math.max(estimated, header?.memoryBytes ?? 0);
}
// libvips and its threads are there.
await decodeImage(pngOfSize(64, 64));
const before = peak();
const began = performance.now();
const outcomes = await Promise.all(
  all.map((bytes) =>
    withImage(bytes, ({ width, height }) => `${width} × ${height}`, { memory }).catch((error: unknown) =>
      error instanceof GraftError ? error.code : String(error),
    ),
  ),
);
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ estimated, peak: peak() - before, seconds, outcomes }));
