/**
 * Datasets whose right advice is known: generated ones, and photographs in ../shared. Each says which verdicts are right; `undecided` is
 * among them only where nothing can be learned, or too few images are there to tell.
 */
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  between,
  type Canvas,
  disc,
  paint,
  type Row,
  type Task,
  writeRow,
  writeTask,
} from "../../src/advise/testing.ts";
import { createRandom, normals, type Random } from "../../src/base/random.ts";
import { shared } from "../support/shared.ts";

export type Answer = "transfer" | "fine-tune" | "scratch" | "undecided";

/** One dataset with its truth. */
export interface Truth {
  readonly right: readonly Answer[];
  /** Why that is right. */
  readonly because: string;
  /** Writes the dataset, or some of it, into a folder. */
  write(folder: string, images: number): Promise<void>;
}

const learnsAnew: readonly Answer[] = ["scratch", "fine-tune"];

/** Every pixel of a canvas, by its place. */
function fill({ side, data }: Canvas, value: (x: number, y: number) => readonly [number, number, number]): void {
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      data.set(
        value(x, y).map((v) => Math.min(255, Math.max(0, Math.round(v)))),
        3 * (y * side + x),
      );
}

/** Smooth noise in about [−1, 1]: random waves whose strength falls with a power of their frequency. */
function waves(random: Random, side: number, slope: number): (x: number, y: number) => number {
  const normal = normals(random);
  const all = Array.from({ length: 48 }, () => {
    const frequency = 2 ** between(random, 0, Math.log2(side / 3));
    const angle = between(random, 0, Math.PI);
    const turn = (2 * Math.PI * frequency) / side;
    return {
      ...{ u: turn * Math.cos(angle), v: turn * Math.sin(angle), phase: between(random, 0, 2 * Math.PI) },
      strength: normal() * frequency ** -slope,
    };
  });
  const scale = Math.sqrt(all.reduce((sum, { strength }) => sum + strength ** 2, 0) / 2);
  return (x, y) =>
    all.reduce((sum, { u, v, phase, strength }) => sum + strength * Math.sin(u * x + v * y + phase), 0) / scale / 2;
}

/** Two classes of grey noise that differ only in how fast its spectrum falls. */
const noise: Row = {
  classes: ["slope-0.4", "slope-0.8"],
  draw(canvas, label, random) {
    const at = waves(random, canvas.side, label === 0 ? 0.4 : 0.8);
    fill(canvas, (x, y) => {
      const grey = 128 + 90 * at(x, y);
      return [grey, grey, grey];
    });
  },
};

/** Letters as strokes from point to point in a unit square. */
const letters: Readonly<Record<string, readonly (readonly [number, number, number, number])[]>> = {
  A: [
    [0, 1, 0.5, 0],
    [0.5, 0, 1, 1],
    [0.22, 0.6, 0.78, 0.6],
  ],
  E: [
    [0, 0, 0, 1],
    [0, 0, 1, 0],
    [0, 0.5, 0.8, 0.5],
    [0, 1, 1, 1],
  ],
  F: [
    [0, 0, 0, 1],
    [0, 0, 1, 0],
    [0, 0.5, 0.8, 0.5],
  ],
  H: [
    [0, 0, 0, 1],
    [1, 0, 1, 1],
    [0, 0.5, 1, 0.5],
  ],
  K: [
    [0, 0, 0, 1],
    [1, 0, 0, 0.5],
    [0, 0.5, 1, 1],
  ],
  N: [
    [0, 1, 0, 0],
    [0, 0, 1, 1],
    [1, 1, 1, 0],
  ],
  T: [
    [0, 0, 1, 0],
    [0.5, 0, 0.5, 1],
  ],
  Z: [
    [0, 0, 1, 0],
    [1, 0, 0, 1],
    [0, 1, 1, 1],
  ],
};

const distance = (px: number, py: number, [ax, ay, bx, by]: readonly [number, number, number, number]): number => {
  const [dx, dy] = [bx - ax, by - ay];
  const along = Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - ax - along * dx, py - ay - along * dy);
};

/** Letters in as many shapes as there are images: width, slant, weight, the weight of level strokes, bent corners. */
const glyphs: Row = {
  classes: Object.keys(letters),
  draw(canvas, label, random, ink) {
    const [width, height] = [between(random, 0.2, 0.5), between(random, 0.35, 0.65)];
    const [left, top] = [between(random, 0.1, 0.85 - width), between(random, 0.1, 0.9 - height)];
    const [slant, weight, level] = [
      between(random, -0.25, 0.25),
      between(random, 0.015, 0.05),
      between(random, 0.4, 1),
    ];
    const jitter = (): number => between(random, -0.08, 0.08);
    const strokes = letters[glyphs.classes[label]!]!.map(([ax, ay, bx, by]) => {
      const at = (x: number, y: number): [number, number] => [
        left + (x + jitter()) * width + slant * (0.5 - y) * height,
        top + (y + jitter()) * height,
      ];
      return { line: [...at(ax, ay), ...at(bx, by)] as const, thick: weight * (Math.abs(ay - by) < 0.1 ? level : 1) };
    });
    paint(canvas, ink, (px, py) => strokes.some(({ line, thick }) => distance(px, py, line) < thick));
  },
};

/** A grid of walls, through which there is a way from left to right, or not. */
const mazes: Row = {
  classes: ["closed", "open"],
  draw(canvas, label, random, ink) {
    const CELLS = 9;
    for (;;) {
      const isWall = Array.from({ length: CELLS * CELLS }, () => random.next() < 0.4);
      if (isOpen(isWall, CELLS) !== (label === 1)) continue;
      paint(canvas, ink, (x, y) => isWall[Math.floor(y * CELLS) * CELLS + Math.floor(x * CELLS)]!);
      return;
    }
  },
};

function isOpen(isWall: readonly boolean[], cells: number): boolean {
  const seen = new Set<number>();
  const pending = Array.from({ length: cells }, (_, row) => row * cells).filter((cell) => !isWall[cell]);
  for (let cell = pending.pop(); cell !== undefined; cell = pending.pop()) {
    if (seen.has(cell)) continue;
    seen.add(cell);
    const [x, y] = [cell % cells, Math.floor(cell / cells)];
    if (x === cells - 1) return true;
    const next = [x > 0 ? cell - 1 : cell, cell + 1, y > 0 ? cell - cells : cell, y < cells - 1 ? cell + cells : cell];
    pending.push(...next.filter((one) => !isWall[one]));
  }
  return false;
}

/** An even or odd number of dots, 1 to 8. */
const parity: Row = {
  classes: ["even", "odd"],
  draw(canvas, label, random, ink) {
    const count = 2 * (1 + random.below(4)) - label;
    const placed: { readonly x: number; readonly y: number }[] = [];
    while (placed.length < count) {
      const one = { x: between(random, 0.1, 0.9), y: between(random, 0.1, 0.9) };
      if (placed.every(({ x, y }) => Math.hypot(x - one.x, y - one.y) > 0.16)) placed.push(one);
    }
    for (const { x, y } of placed) paint(canvas, ink, disc(x, y, 0.06));
  },
};

/** Materials: stripes, checks, dots, smooth clouds, rough noise. Networks trained on photographs know them. */
const textures: Row = {
  classes: ["checks", "clouds", "dots", "rough", "stripes"],
  draw(canvas, label, random, ink) {
    const { side } = canvas;
    const [angle, period, phase] = [between(random, 0, Math.PI), between(random, 6, 12), between(random, 0, 6)];
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const cloud = waves(random, side, label === 1 ? 1.4 : 0.2);
    const ground = [canvas.data[0]!, canvas.data[1]!, canvas.data[2]!] as const;
    const amount = (x: number, y: number): number => {
      const [u, v] = [(x * c + y * s + phase) / period, (y * c - x * s) / period];
      if (label === 0) return (Math.floor(u) + Math.floor(v)) % 2 === 0 ? 1 : 0;
      if (label === 2) return Math.hypot(u - Math.round(u), v - Math.round(v)) < 0.3 ? 1 : 0;
      if (label === 4) return Math.sin(2 * Math.PI * u) > 0 ? 1 : 0;
      return 0.5 + 0.5 * cloud(x, y);
    };
    fill(canvas, (x, y) => {
      const share = amount(x, y);
      return [0, 1, 2].map((i) => ground[i]! + share * (ink[i]! - ground[i]!)) as [number, number, number];
    });
  },
};

/** A patch of a colour: red, green, blue or yellow, of any shade. */
const colours: Row = {
  classes: ["blue", "green", "red", "yellow"],
  draw(canvas, label, random) {
    const hues = [
      [30, 60, 220],
      [40, 190, 60],
      [220, 40, 40],
      [220, 200, 40],
    ] as const;
    const shade = between(random, 0.75, 1.1);
    const own = hues[label]!.map((value) => Math.min(255, Math.round(value * shade))) as [number, number, number];
    const grey = Math.round(between(random, 60, 200));
    fill(canvas, () => [grey, grey, grey]);
    paint(canvas, own, disc(between(random, 0.3, 0.7), between(random, 0.3, 0.7), between(random, 0.2, 0.35)));
  },
};

const drawn =
  (row: Row, side = 96) =>
  (folder: string, images: number) =>
    writeRow(folder, row, { count: images, side });
const known = (task: Task) => (folder: string, images: number) => writeTask(folder, task, { count: images });

/** Some images of a dataset in ../shared, as many of each class. */
const photographs = (name: string) => async (folder: string, images: number) => {
  const from = shared("datasets", name, "train");
  const classes = (await readdir(from)).sort();
  for (const one of classes) {
    await mkdir(join(folder, one), { recursive: true });
    const files = (await readdir(join(from, one))).sort().slice(0, Math.ceil(images / classes.length));
    for (const file of files) await cp(join(from, one, file), join(folder, one, file));
  }
};

/** Textures whose labels are drawn by lot. */
async function writeShuffled(folder: string, images: number): Promise<void> {
  const random = createRandom(3);
  await writeRow(
    folder,
    { ...textures, draw: (canvas, _, own, ink) => textures.draw(canvas, random.below(5), own, ink) },
    { count: images },
  );
}

/** The truth by the dataset's name. */
export const truths: Readonly<Record<string, Truth>> = {
  flowers: { right: ["transfer"], because: "photographs, as ImageNet's are", write: photographs("flowers") },
  pollen: {
    right: ["transfer", "fine-tune"],
    because: "photographs through a microscope",
    write: photographs("pollen"),
  },
  textures: { right: ["transfer"], because: "textures are what such features are best at", write: drawn(textures) },
  colours: { right: ["transfer"], because: "any layer tells four colours apart", write: drawn(colours, 64) },
  noise: {
    right: ["transfer"],
    because: "features tell spectra apart; 600 images are few for learning it from scratch",
    write: drawn(noise, 128),
  },
  position: { right: learnsAnew, because: "pooled features hardly say where things are", write: known("position") },
  count: { right: learnsAnew, because: "nor how many", write: known("count") },
  angle: { right: learnsAnew, because: "nor how they are turned", write: known("angle") },
  glyphs: {
    right: [...learnsAnew, "transfer"],
    because: "strokes are simple: whatever learns them",
    write: drawn(glyphs),
  },
  mazes: { right: learnsAnew, because: "no feature follows a path", write: drawn(mazes) },
  parity: { right: learnsAnew, because: "no feature counts modulo two", write: drawn(parity) },
  shuffled: { right: ["undecided"], because: "labels by lot cannot be learned", write: writeShuffled },
  tiny: {
    right: ["undecided"],
    because: "30 images decide nothing",
    write: (folder) => writeRow(folder, textures, { count: 30 }),
  },
};
