/** Images of a photograph's size and weight, all different, made in a moment. */
import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { createRandom } from "../../src/base/random.ts";

/** Drawn and encoded; the others are these with a different comment, which makes of each a file of its own. */
const DRAWN = 100;

/** Writes `count` JPEGs of 640 × 480 pixels, about 60 kB each. */
export async function writePhotos(folder: string, count: number, seed: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const drawn = await Promise.all(Array.from({ length: Math.min(DRAWN, count) }, (_, i) => draw(seed * 1000 + i)));
  for (let i = 0; i < count; i++) {
    const jpeg = drawn[i % drawn.length]!;
    const name = `photo-${String(i).padStart(6, "0")}.jpg`;
    await writeFile(
      join(folder, name),
      Buffer.concat([jpeg.subarray(0, 2), comment(`${seed} ${i}`), jpeg.subarray(2)]),
    );
  }
}

/** A JPEG segment that no decoder looks at (COM). */
function comment(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.from([0xff, 0xfe, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

/** Soft blots of colour with a little noise. */
async function draw(seed: number): Promise<Buffer> {
  const random = createRandom(seed);
  const side = 12;
  const coarse = Uint8Array.from({ length: side * side * 3 }, () => 256 * random.next());
  const soft = await sharp(coarse, { raw: { width: side, height: side, channels: 3 } })
    .resize(640, 480, { fit: "fill", kernel: "cubic" })
    .raw()
    .toBuffer();
  for (let i = 0; i < soft.length; i++) soft[i] = Math.max(0, Math.min(255, soft[i]! + 24 * (random.next() - 0.5)));
  return sharp(soft, { raw: { width: 640, height: 480, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer();
}
