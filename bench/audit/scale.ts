/** What an audit of many images costs when features and traits are in the cache, and how the search for copies grows. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { createRandom, type Random } from "../../src/base/random.ts";
import { findCopies } from "../../src/data/copies/find-copies.ts";
import { type Signature, signatureOf, smallOf } from "../../src/data/copies/signature.ts";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { decodeImage, type RgbImage } from "../../src/data/image/decode.ts";
import { ROOT, shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";

const DATASETS = ["flowers", "pollen", "sign-digits"];
const SIZES = [1000, 4000, 16_000, 64_000];

export async function measureScale({
  network,
  images,
  folder,
}: {
  network: string;
  images: number;
  folder: string;
}): Promise<void> {
  const random = createRandom(1);
  const crops: RgbImage[] = [];
  const examples = (await Promise.all(DATASETS.map((name) => discoverDataset(shared("datasets", name))))).flatMap(
    ({ examples: own }) => own,
  );
  const signatures: Signature[] = [];
  const most = SIZES.at(-1)!;
  for (const [at, { path }] of examples.entries()) {
    const picture = await decodeImage(path);
    const wanted = Math.ceil((most * (at + 1)) / examples.length) - signatures.length;
    for (let i = 0; i < wanted; i++) {
      const crop = cropOf(picture, random);
      signatures.push(signatureOf(smallOf(crop)));
      if (crops.length < images && i < 3) crops.push(crop);
    }
  }
  await growth(random.shuffle(signatures));
  await wholeAudit(network || shared("networks", "mobilenet_v2_100_224.onnx"), crops, folder);
}

/** A random part of an image: an image of its own. */
function cropOf({ width, height, data }: RgbImage, random: Random): RgbImage {
  const share = 0.35 + 0.3 * random.next();
  const [across, down] = [Math.max(16, Math.floor(width * share)), Math.max(16, Math.floor(height * share))];
  const [left, top] = [random.below(width - across + 1), random.below(height - down + 1)];
  const part = new Uint8Array(across * down * 3);
  for (let y = 0; y < down; y++) {
    const from = ((top + y) * width + left) * 3;
    part.set(data.subarray(from, from + across * 3), y * across * 3);
  }
  return { width: across, height: down, data: part };
}

async function growth(signatures: readonly Signature[]): Promise<void> {
  const rows: string[][] = [];
  for (const count of SIZES) {
    const pictures = signatures.slice(0, count).map((signature, i) => ({ digest: String(i), signature }));
    const began = performance.now();
    const { compared, groups } = await findCopies(pictures);
    const seconds = (performance.now() - began) / 1000;
    rows.push([
      count.toLocaleString("en-US"),
      compared.toLocaleString("en-US"),
      (compared / count).toFixed(1),
      `${((200 * compared) / (count * (count - 1))).toFixed(3)}%`,
      seconds.toFixed(2),
      String(groups.length),
    ]);
  }
  printTable("Search for copies among random parts of the shared pictures", [
    ["images", "pairs compared", "for each image", "of all pairs", "seconds", "groups"],
    ...rows,
  ]);
}

/** `graft audit` as a process, twice: the first time decodes and runs the network, the second finds all in the cache. */
async function wholeAudit(network: string, crops: readonly RgbImage[], folder: string): Promise<void> {
  const main = join(ROOT, "dist", "cli", "main.js");
  if (!existsSync(main)) throw new Error("There is no dist/cli/main.js to measure: run `npm run build` first.");
  const dataset = join(folder, "many");
  for (const [i, { width, height, data }] of crops.entries()) {
    const own = join(dataset, `class ${i % 10}`);
    await mkdir(own, { recursive: true });
    await writeFile(
      join(own, `${i}.jpg`),
      await sharp(data, { raw: { width, height, channels: 3 } })
        .jpeg()
        .toBuffer(),
    );
  }
  const rows = ["cache empty", "cache full"].map((what) => {
    const began = performance.now();
    const run = spawnSync(
      "/usr/bin/time",
      [
        "-f",
        "%M",
        process.execPath,
        main,
        "audit",
        dataset,
        "--network",
        network,
        "--preprocessing",
        "inception",
        "--json",
      ],
      { encoding: "utf8", maxBuffer: 1 << 28, env: { ...process.env, GRAFT_CACHE: join(folder, "cache") } },
    );
    const seconds = (performance.now() - began) / 1000;
    if (run.status !== 0) throw new Error(`graft audit ended with ${run.status}: ${run.stderr.slice(-500)}`);
    const kilobytes = Number(run.stderr.trim().split("\n").at(-1));
    return [what, crops.length.toLocaleString("en-US"), seconds.toFixed(1), `${(kilobytes / 1024).toFixed(0)} MB`];
  });
  printTable("graft audit, from process start to exit", [["", "images", "seconds", "peak memory"], ...rows]);
}
