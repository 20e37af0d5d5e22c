/** Generated images: coloured shapes on noise, the same for the same seed. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { createRandom } from "../../src/base/random.ts";

/** The classes of {@link writeShapes}: a colour and a test of whether (x, y) in [−1, 1]² is inside. */
const shapes = {
  circle: { colour: [200, 60, 50], contains: (x: number, y: number) => x * x + y * y < 0.5 },
  square: { colour: [60, 180, 70], contains: (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y)) < 0.6 },
  triangle: { colour: [60, 80, 200], contains: (x: number, y: number) => y > -0.7 && y < 0.7 - 2 * Math.abs(x) },
} as const;

export type Shape = keyof typeof shapes;
export const shapeNames = Object.keys(shapes) as Shape[];

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]` */
  readonly data: Uint8Array;
}

/** One shape on grey noise, its colour a little off. */
export function drawShape(shape: Shape, width: number, height: number, seed: number): Pixels {
  const random = createRandom(seed);
  const { colour, contains } = shapes[shape];
  const own = colour.map((value) => value + 80 * (random.next() - 0.5));
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = contains((2 * x) / width - 1, 1 - (2 * y) / height);
      for (let c = 0; c < 3; c++) {
        const value = (inside ? own[c]! : 120) + 60 * (random.next() - 0.5);
        data[(y * width + x) * 3 + c] = Math.max(0, Math.min(255, Math.round(value)));
      }
    }
  }
  return { width, height, data };
}

/** Grey stripes at an angle (in radians) under strong noise: hard to tell apart by features that were not learned for it. */
export function drawStripes(angle: number, width: number, height: number, seed: number): Pixels {
  const random = createRandom(seed);
  const phase = 2 * Math.PI * random.next();
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at++) {
    const along = (at % width) * Math.cos(angle) + Math.floor(at / width) * Math.sin(angle);
    const grey = 128 + 22 * Math.sin(phase + 0.8 * along);
    for (let c = 0; c < 3; c++) data[3 * at + c] = Math.max(0, Math.min(255, grey + 200 * (random.next() - 0.5)));
  }
  return { width, height, data };
}

/** Pixels as a file of the given kind. */
export const encode = ({ width, height, data }: Pixels, format: "png" | "jpeg" | "webp" | "gif"): Promise<Buffer> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();

/** Writes `counts` images a class as class folders, in three formats and several sizes; returns the folder. */
export async function writeShapes(
  folder: string,
  counts: Partial<Record<Shape, number>>,
  seed = 1,
  size = 40,
): Promise<string> {
  for (const [name, count] of Object.entries(counts) as [Shape, number][]) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const format = (["png", "jpeg", "webp"] as const)[i % 3]!;
      const pixels = drawShape(name, size + 7 * (i % 4), size, seed * 1000 + shapeNames.indexOf(name) * 317 + i);
      writeFileSync(join(folder, name, `${String(i).padStart(3, "0")}.${format}`), await encode(pixels, format));
    }
  }
  return folder;
}

/** Writes `count` images of {@link drawStripes} a class into class folders; `angles` by class, in radians. */
export async function writeStripes(
  folder: string,
  angles: Readonly<Record<string, number>>,
  count: number,
  seed: number,
): Promise<void> {
  for (const [label, [name, angle]] of Object.entries(angles).entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const { width, height, data } = drawStripes(angle, 32, 32, seed + 1000 * label + i);
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
    }
  }
}
