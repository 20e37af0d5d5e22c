/** Bench `augment`: augmented views a second on one thread, beside torchvision's on the same images. */

import { discoverDataset } from "../src/data/dataset/discover.ts";
import { type AugmentationName, augmentations } from "../src/data/image/augment/augmentation-plan.ts";
import { viewsOf } from "../src/data/image/augment/render.ts";
import { decodeImage, type RgbImage } from "../src/data/image/decode.ts";
import { ratios, spread } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { PYTHON } from "./support/python.ts";
import { numberAt, runJson } from "./support/run.ts";
import { ROOT, shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const SIZE = 224;

/** Measures and prints. Each round renders every policy once, then torchvision's like. */
export async function benchAugment(given: readonly string[]): Promise<void> {
  const { data, images, views, repeat } = readFlags(given, { data: "flowers", images: 100, views: 4, repeat: 3 });
  const folder = shared("datasets", data);
  const { examples } = await discoverDataset(folder);
  const test = examples.filter(({ split }) => split === "test").slice(0, images);
  const pictures = await Promise.all(test.map(({ path }) => decodeImage(path)));
  const names = Object.keys(augmentations) as AugmentationName[];
  for (const name of names) rate(name, pictures.slice(0, 20), 2); // warms up
  const own = new Map<AugmentationName, number[]>(names.map((name) => [name, []]));
  const peer: number[] = [];
  for (let round = 0; round < repeat; round++) {
    for (const name of names) own.get(name)!.push(rate(name, pictures, views));
    const { json } = await runJson(PYTHON, [
      `${ROOT}/bench/peers/torchvision_views.py`,
      ...["--size", String(SIZE), "--views", String(views)],
      ...test.map(({ path }) => path),
    ]);
    peer.push(numberAt(json, "viewsPerSecond"));
  }
  console.log(
    `augment: ${pictures.length} pictures of ${data}, ${views} views of each at ${SIZE} px, ${repeat} run(s)`,
  );
  console.log(machine());
  printTable("Views/s on one thread, decoding not counted, median (min–max)", [
    ["", "views/s", "against torchvision"],
    ...names.map((name) => [name, spread(own.get(name)!), spread(ratios(own.get(name)!, peer), "×")]),
    ["torchvision, as standard", spread(peer), ""],
  ]);
}

/** Views a second. */
function rate(name: AugmentationName, pictures: readonly RgbImage[], views: number): number {
  const began = performance.now();
  const options = { policy: augmentations[name], frame: { kind: "stretch" }, size: SIZE, seed: 1 } as const;
  for (const [i, picture] of pictures.entries()) {
    const view = viewsOf(picture, i, options);
    for (let at = 0; at < views; at++) view(at);
  }
  return (pictures.length * views * 1000) / (performance.now() - began);
}
