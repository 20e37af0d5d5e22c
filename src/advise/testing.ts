/**
 * For tests and benches: generates images with known labels that are unlike ImageNet's: where a shape is, how many there are, the angle of
 * a bar. Everything is drawn from one seed.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { createRandom, type Random } from "../base/random.ts";

export type Task = "position" | "count" | "angle";

/** An image being drawn: RGB bytes, row by row. */
export interface Canvas {
  readonly side: number;
  readonly data: Uint8Array;
}

export type Colour = readonly [number, number, number];

/** One task: its classes, and how an image of one is drawn. */
export interface Row {
  readonly classes: readonly string[];
  draw(canvas: Canvas, label: number, random: Random, ink: Colour): void;
}

export const between = (random: Random, low: number, high: number): number => low + (high - low) * random.next();

/** Colours every pixel for which `inside` holds. */
export function paint({ side, data }: Canvas, ink: Colour, inside: (x: number, y: number) => boolean): void {
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) if (inside((x + 0.5) / side, (y + 0.5) / side)) data.set(ink, 3 * (y * side + x));
}

export const disc = (x: number, y: number, radius: number) => (px: number, py: number) =>
  Math.hypot(px - x, py - y) < radius;

const rows: Readonly<Record<Task, Row>> = {
  position: {
    classes: ["1-1", "1-2", "1-3", "2-1", "2-2", "2-3", "3-1", "3-2", "3-3"],
    draw(canvas, label, random, ink) {
      const cell = (at: number): number => (at + 0.5 + between(random, -0.3, 0.3)) / 3;
      paint(canvas, ink, disc(cell(label % 3), cell(Math.floor(label / 3)), between(random, 0.03, 0.08)));
    },
  },
  count: {
    classes: ["1", "2", "3", "4", "5", "6"],
    draw(canvas, label, random, ink) {
      const placed: { x: number; y: number; radius: number }[] = [];
      for (let tries = 0; placed.length <= label && tries < 2000; tries++) {
        const one = { x: between(random, 0.1, 0.9), y: between(random, 0.1, 0.9), radius: between(random, 0.03, 0.08) };
        const isFree = placed.every(
          ({ x, y, radius }) => Math.hypot(x - one.x, y - one.y) > radius + one.radius + 0.03,
        );
        if (isFree) placed.push(one);
      }
      for (const { x, y, radius } of placed) paint(canvas, ink, disc(x, y, radius));
    },
  },
  angle: {
    classes: Array.from({ length: 12 }, (_, i) => String(i * 15).padStart(3, "0")),
    draw(canvas, label, random, ink) {
      const angle = ((label + between(random, -0.25, 0.25)) * Math.PI) / 12;
      const [x, y] = [between(random, 0.35, 0.65), between(random, 0.35, 0.65)];
      const [length, width] = [between(random, 0.2, 0.3), between(random, 0.015, 0.04)];
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      paint(canvas, ink, (px, py) => {
        const [dx, dy] = [px - x, py - y];
        return Math.abs(dx * c + dy * s) < length && Math.abs(dy * c - dx * s) < width;
      });
    },
  },
};

/** Classes of a task. */
export const classesOf = (task: Task): readonly string[] => rows[task].classes;

/** One image: noise on a background of one colour, and shapes of another. */
function drawRow(row: Row, label: number, side: number, random: Random): Uint8Array {
  const ground = [0, 1, 2].map(() => between(random, 0, 255));
  const ink = ground.map((value) => (value < 128 ? between(random, value + 90, 255) : between(random, 0, value - 90)));
  const canvas: Canvas = { side, data: new Uint8Array(3 * side * side) };
  for (let i = 0; i < canvas.data.length; i++) canvas.data[i] = Math.round(ground[i % 3]!);
  row.draw(canvas, label, random, [Math.round(ink[0]!), Math.round(ink[1]!), Math.round(ink[2]!)]);
  return canvas.data.map((value) => Math.min(255, Math.max(0, value + Math.round(between(random, -12, 12)))));
}

interface Writing {
  readonly count: number;
  readonly side?: number | undefined;
  readonly seed?: number | undefined;
}

/** Writes `count` images of a task as PNG, one sub-folder per class. */
export const writeTask = (folder: string, task: Task, writing: Writing): Promise<void> =>
  writeRow(folder, rows[task], writing);

/** The same for a custom task. */
export async function writeRow(folder: string, row: Row, { count, side = 96, seed = 0 }: Writing): Promise<void> {
  const random = createRandom(seed);
  const { classes } = row;
  for (const name of classes) await mkdir(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const label = i % classes.length;
    const data = drawRow(row, label, side, random);
    const file = join(folder, classes[label]!, `${String(i).padStart(5, "0")}.png`);
    await sharp(data, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toFile(file);
  }
}
