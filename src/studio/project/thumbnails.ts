/**
 * Small images for the page: made when they are first looked at, kept on disk, few at a time and the latest wish first,
 * since the earlier ones have been scrolled past. JPEGs are decoded no larger than is needed.
 */
import { lstat, mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { partPath, sha256, sweepOnce } from "../../base/files.ts";
import { sealed, unsealed } from "../../base/sealed.ts";
import { withImage, withSharp } from "../../data/image/decode.ts";
import { readPlain } from "./own-files.ts";

/** Sides of the squares that there are, in pixels: a tile, on screens of two pixels a point; the image as large as a page. */
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
   * @param signal the wish is dropped where it has not begun
   * @throws GraftError (`data`) if the image cannot be read
   */
  get(path: string, size: Size, signal?: AbortSignal): Promise<Thumbnail>;
  /** What {@link get} would yield as `tag`. */
  tag(path: string, size: Size): Promise<string>;
}

/** Thumbnails made at once. */
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
      // A thumbnail that cannot be kept is made again.
      await keep(bytes, { folder, place, file }).catch(() => {});
      return { bytes, tag };
    },
  };
}

/** The longest thumbnail, in bytes. */
const MOST_BYTES = 4 * 2 ** 20;

/**
 * A thumbnail that was kept; undefined if the file is not as it was written, or not one that {@link draw} makes: anybody may
 * have put it there.
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

/** Nothing is flushed: what a power cut leaves of a thumbnail is known as such. */
async function keep(bytes: Buffer, { folder, place, file }: Kept): Promise<void> {
  await mkdir(place, { recursive: true });
  // Through a link it would be written wherever that leads.
  for (const one of [folder, place]) if (!(await lstat(one)).isDirectory()) return;
  await sweepOnce(place);
  const temporary = partPath(place);
  await writeFile(temporary, Buffer.concat(sealed(bytes)), { flag: "wx" });
  await rename(temporary, file);
}

async function draw(path: string, size: Size): Promise<Buffer> {
  const drawn = await withSharp(path, (picture) => fitted(picture.autoOrient(), size));
  // libvips reads no Windows bitmaps.
  return (
    drawn ??
    withImage(path, ({ width, height, data }) => fitted(sharp(data, { raw: { width, height, channels: 3 } }), size))
  );
}

function fitted(picture: Sharp, size: Size): Promise<Buffer> {
  const side = sides[size];
  return picture
    .resize(side, side, size === "tile" ? { fit: "cover" } : { fit: "inside", withoutEnlargement: true })
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .webp({ quality: 78, effort: 1 })
    .toBuffer();
}
