/** For tests and the bench: plants faults in a copy of a dataset, with a seed, and records them. */
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import sharp from "sharp";
import type { Random } from "../base/random.ts";

/** What to plant, and how much of it. */
export interface Planting {
  /** A dataset with `train/` and `test/` folders of classes. */
  readonly from: string;
  readonly to: string;
  /** Maximum number of images from each class and split. */
  readonly take: number;
  /** Share of the training images that get another label. */
  readonly flips: number;
  /** Share of all images that get a copy in the other split, in turn resized, recompressed or mirrored. */
  readonly copies: number;
  /** The class that gets a coloured border. */
  readonly bordered: string;
  /** Unrelated images, distributed over the classes' training folders. */
  readonly offTopic: readonly string[];
  readonly random: Random;
}

/** Paths in the planted dataset. */
export interface Planted {
  readonly flipped: ReadonlySet<string>;
  /** Original and copy. */
  readonly copies: readonly (readonly [string, string])[];
  readonly bordered: string;
  readonly offTopic: ReadonlySet<string>;
}

/** An image of the planted dataset before it is written. */
interface Item {
  readonly source: string;
  readonly split: "train" | "test";
  readonly label: string;
  readonly shown: string;
}

/** Plants faults. The border is drawn on every image that truly is of its class, whatever its label. */
export async function plantFaults(planting: Planting): Promise<Planted> {
  const { from, to, take, bordered, random } = planting;
  const classes = (await readdir(join(from, "train"))).sort();
  const items: Item[] = [];
  for (const split of ["train", "test"] as const) {
    for (const shown of classes) {
      const names = (await readdir(join(from, split, shown))).sort().slice(0, take);
      for (const name of names) items.push({ source: join(from, split, shown, name), split, label: shown, shown });
    }
  }
  const shuffled = random.shuffle(items);
  const doubled = shuffled.slice(0, Math.round(planting.copies * items.length));
  const training = shuffled.slice(doubled.length).filter(({ split }) => split === "train");
  const turned = new Set(
    training.slice(0, Math.round(planting.flips * items.filter(({ split }) => split === "train").length)),
  );
  const flipped = new Set<string>();
  const pathOf = new Map<Item, string>();
  for (const item of items) {
    const others = classes.filter((name) => name !== item.shown);
    const label = turned.has(item) ? others[random.below(others.length)]! : item.label;
    const path = join(to, item.split, label, basename(item.source));
    pathOf.set(item, path);
    if (turned.has(item)) flipped.add(path);
    await mkdir(dirname(path), { recursive: true });
    if (item.shown === bordered) await addBorder(item.source, path);
    else await copyFile(item.source, path);
  }
  const copies: [string, string][] = [];
  for (const [i, item] of doubled.entries()) {
    const original = pathOf.get(item)!;
    const copy = join(to, item.split === "train" ? "test" : "train", item.label, `copy-${i}.jpg`);
    await writeCopy(original, copy, i, random);
    copies.push([original, copy]);
  }
  const offTopic = new Set<string>();
  for (const [i, source] of planting.offTopic.entries()) {
    const path = join(to, "train", classes[i % classes.length]!, `other-${i}.jpg`);
    await sharp(source).jpeg({ quality: 90 }).toFile(path);
    offTopic.add(path);
  }
  return { flipped, copies, bordered, offTopic };
}

/** A red frame, 4% of the shorter side wide. */
async function addBorder(from: string, to: string): Promise<void> {
  const { width, height } = await sharp(from).metadata();
  const thick = Math.max(2, Math.round(0.04 * Math.min(width, height)));
  const inner = await sharp(from)
    .resize(width - 2 * thick, height - 2 * thick, { fit: "fill" })
    .toBuffer();
  const sides = { top: thick, bottom: thick, left: thick, right: thick };
  await sharp(inner)
    .extend({ ...sides, background: { r: 200, g: 30, b: 40 } })
    .jpeg({ quality: 90 })
    .toFile(to);
}

async function writeCopy(from: string, to: string, turn: number, random: Random): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const { width } = await sharp(from).metadata();
  const copy = sharp(from);
  const [scale, quality] = [0.5 + random.next(), 30 + random.below(40)];
  if (turn % 3 === 0) copy.resize({ width: Math.round(width * scale) }).jpeg({ quality: 90 });
  else if (turn % 3 === 1) copy.jpeg({ quality });
  else copy.flop().jpeg({ quality: 85 });
  await copy.toFile(to);
}
