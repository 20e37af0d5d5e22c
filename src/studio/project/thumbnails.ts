/**
 * Small images for the page: made when they are first viewed, stored on disk, a few at a time, the latest request first,
 * because earlier ones have scrolled out of view. JPEGs are decoded no larger than needed.
 */
import { lstat, mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { partPath, sha256, sweepOnce } from "../../base/files.ts";
import { sealed, unsealed } from "../../base/sealed.ts";
import { withImage, withSharp } from "../../data/image/decode.ts";
import { readPlain } from "./own-files.ts";

/** The sides of the squares in pixels: a tile on screens with two pixels per point, and an image of page size. */
export const sides = { tile: 224, large: 1280 } as const;
export type Size = keyof typeof sides;

export interface Thumbnail {
  readonly bytes: Buffer;
  /** Changes with the file. */
  readonly tag: string;
}

export interface Thumbnails {
  /**
   * A WebP of an image: a filled square as `tile`, the whole image as `large`.
   *
   * @param signal drops the request if it has not started
   * @throws GraftError (`data`) if the image cannot be read
   */
  get(path: string, size: Size, signal?: AbortSignal): Promise<Thumbnail>;
  /** The `tag` that {@link get} would return. */
  tag(path: string, size: Size): Promise<string>;
}

/** The number of thumbnails made at once. */
const AT_ONCE = 2;

export function createThumbnails(folder: string): Thumbnails {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  const next = (): void => {
    if (underWay < AT_ONCE) waiting.pop()?.();
  };
  const inTurn = async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      next();
    });
    try {
      underWay++;
      signal?.throwIfAborted();
      return await work();
    } finally {
      underWay--;
      next();
    }
  };
  const tagOf = async (path: string, size: Size): Promise<string> => {
    const { mtimeMs, size: bytes } = await stat(path);
    return sha256(JSON.stringify([path, mtimeMs, bytes, size])).slice(0, 32);
  };
  return {
    tag: tagOf,
    async get(path, size, signal) {
      const tag = await tagOf(path, size);
      const place = join(folder, tag.slice(0, 2));
      const file = join(place, `${tag}.thumbnail`);
      const kept = await keptAt(file, size);
      if (kept) return { bytes: kept, tag };
      const bytes = await inTurn(() => draw(path, size), signal);
      // A thumbnail that cannot be stored is made again.
      await keep(bytes, { folder, place, file }).catch(() => {});
      return { bytes, tag };
    },
  };
}

/** The maximum size of a thumbnail, in bytes. */
const MOST_BYTES = 4 * 2 ** 20;

/**
 * A stored thumbnail; undefined if the file is damaged, or not one that {@link draw} makes: it may come from anyone.
 */
async function keptAt(file: string, size: Size): Promise<Buffer | undefined> {
  try {
    const kept = await readPlain(file, MOST_BYTES);
    const bytes = kept && unsealed(kept);
    if (!bytes) return undefined;
    const { format, width, height, pages = 1 } = await sharp(bytes).metadata();
    return format === "webp" && pages === 1 && Math.max(width, height) <= sides[size] ? bytes : undefined;
  } catch {
    return undefined;
  }
}

interface Kept {
  readonly folder: string;
  readonly place: string;
  readonly file: string;
}

/** Without flushing: a thumbnail that a power cut damaged is detected. */
async function keep(bytes: Buffer, { folder, place, file }: Kept): Promise<void> {
  await mkdir(place, { recursive: true });
  // A link could lead anywhere.
  for (const one of [folder, place]) if (!(await lstat(one)).isDirectory()) return;
  await sweepOnce(place);
  const temporary = partPath(place);
  await writeFile(temporary, Buffer.concat(sealed(bytes)), { flag: "wx" });
  await rename(temporary, file);
}

async function draw(path: string, size: Size): Promise<Buffer> {
  const drawn = await withSharp(path, (image) => fitted(image.autoOrient(), size));
  // libvips cannot read Windows bitmaps.
  return (
    drawn ??
    withImage(path, ({ width, height, data }) => fitted(sharp(data, { raw: { width, height, channels: 3 } }), size))
  );
}

function fitted(image: Sharp, size: Size): Promise<Buffer> {
  const side = sides[size];
  return image
    .resize(side, side, size === "tile" ? { fit: "cover" } : { fit: "inside", withoutEnlargement: true })
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .webp({ quality: 78, effort: 1 })
    .toBuffer();
}
