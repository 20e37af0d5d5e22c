/** What decoding takes, in processes of their own: never more than was estimated, and together never more than the budget. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { tinyArtifact } from "./support/artifact.ts";
import { graftJson, temporaryFolder } from "./support/cli.ts";
import { avifOfFrames, avifOfGrid, flat } from "./support/costly.ts";
import { tinyNetwork } from "./support/network.ts";
import { drawShape, encode } from "./support/pictures.ts";

const child = fileURLToPath(new URL("./support/decode-child.ts", import.meta.url));
const work = temporaryFolder();
const saved = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(work, name), bytes);
  return join(work, name);
};

interface Outcome {
  readonly estimated: number;
  readonly peak: number;
  readonly outcomes: readonly string[];
}

/** Decodes the files at once with this memory budget. */
function decode(memoryBytes: number, ...files: readonly string[]): Outcome {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--import", "tsx", child, `${memoryBytes}`, ...files],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Outcome;
}

const SIDE = 3000;
/** What a process varies by from run to run: pages that the allocator keeps, threads that start. */
const SLACK = 40e6;

describe.skipIf(process.platform !== "linux")("decoding (only Linux tells the peak of a process' memory)", () => {
  const variants = {
    "a JPEG": () => flat(SIDE, SIDE, "jpeg"),
    "a JPEG that is turned": () =>
      sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: "red" } })
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer(),
    "a progressive JPEG": () => flat(SIDE, SIDE, "jpeg", { progressive: true, chromaSubsampling: "4:4:4" }),
    "a PNG": () => flat(SIDE, SIDE, "png"),
    "an interlaced PNG": () => flat(SIDE, SIDE, "png", { progressive: true }),
    "an interlaced PNG of 16 bits with alpha": () =>
      sharp({ create: { width: SIDE, height: SIDE, channels: 4, background: "red" } })
        .toColourspace("rgb16")
        .png({ progressive: true })
        .toBuffer(),
    "a WebP": () => flat(SIDE, SIDE, "webp"),
    "a GIF": () => flat(SIDE, SIDE, "gif"),
    "a TIFF": () => flat(SIDE, SIDE, "tiff", { compression: "deflate" }),
    "an AVIF": () => flat(SIDE, SIDE, "avif"),
    "an AVIF of 10 bits": () => flat(SIDE, SIDE, "avif", { bitdepth: 10, chromaSubsampling: "4:4:4" }),
  };

  test.each(Object.entries(variants))("%s takes no more than is estimated", async (name, make) => {
    const file = saved(name.replaceAll(" ", "-"), await make());
    const { estimated, peak, outcomes } = decode(1e9, file);
    expect(outcomes).toEqual([`${SIDE} × ${SIDE}`]);
    expect(peak).toBeLessThan(estimated + SLACK);
  });

  test("many at once wait for each other", async () => {
    const file = saved("many.jpg", await flat(5000, 5000, "jpeg", { progressive: true }));
    const { peak, outcomes } = decode(200e6, ...Array<string>(6).fill(file));
    expect(outcomes).toEqual(Array(6).fill("5000 × 5000"));
    // Two thirds of a gigabyte without a budget.
    expect(peak).toBeLessThan(200e6 + SLACK + 75e6);
  });

  test("a few kilobytes that would take gigabytes and minutes are refused for next to nothing", async () => {
    const large = await flat(5000, 5000, "avif");
    const files = [
      saved("flat.avif", large),
      saved("frames.avif", avifOfFrames(large, 100)),
      saved("grid.avif", avifOfGrid({ tile: large, tileSide: 5000, rows: 4, columns: 4, side: 10, tiles: 1 })),
    ];
    const { peak, outcomes } = decode(512e6, ...files);
    expect(outcomes).toEqual(Array(3).fill("image-too-large"));
    expect(peak).toBeLessThan(SLACK);
  });
});

describe("a photo of 50 megapixels", () => {
  let photo: Buffer;
  const cache = join(work, "cache");
  beforeAll(async () => {
    const scene = sharp(await encode(drawShape("circle", 400, 300, 1), "png")).resize(8192, 6144);
    photo = await scene.jpeg({ quality: 85 }).toBuffer();
  });

  test("is answered by predict", async () => {
    const model = saved("tiny.onnx", await tinyArtifact(join(work, "scratch.onnx")));
    const file = saved("photo.jpg", photo);
    const { predictions } = await graftJson<{ predictions: { label: string }[] }>(["predict", model, file], cache);
    expect(predictions[0]!.label).toBeTypeOf("string");
  });

  test("is learned from by train", async () => {
    const network = saved("network.onnx", tinyNetwork());
    for (const [i, name] of (["circle", "square"] as const).entries()) {
      mkdirSync(join(work, "photos", name), { recursive: true });
      for (let n = 0; n < 6; n++)
        saved(join("photos", name, `${n}.png`), await encode(drawShape(name, 60 + n, 50, 10 * i + n), "png"));
    }
    saved(join("photos", "circle", "photo.jpg"), photo);
    const args = ["train", join(work, "photos"), "--network", network, "--preprocessing", "imagenet"];
    const result = await graftJson<{ skipped: unknown[] }>([...args, "--out", join(work, "out")], cache);
    expect(result.skipped).toEqual([]);
  });
});
