/** A network of npm: its weights fetched, converted to ONNX once, and kept in the cache. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { cacheFolder } from "../base/cache.ts";
import { dataError } from "../base/errors.ts";
import { sha256, writeWhole } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import type { Model } from "../graph/model.ts";
import { encodeModel } from "../graph/onnx/write.ts";
import { raiseOpset } from "../graph/raise-opset.ts";
import { fetchNpmFiles } from "../hub/npm/fetch.ts";
import { idOf } from "../hub/npm/packages.ts";
import type { EntryFrom, WeightFormat } from "./catalogue.ts";
import { readModelFile } from "./file.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open.ts";
import { bundledModelJson, bundledName, bundledShard } from "./tfjs/bundled.ts";
import { convertTfjs } from "./tfjs/convert.ts";
import { convertTflite } from "./tflite/convert.ts";

/** Raised when a converter changes what it writes, so that older conversions are not taken for current ones. */
const CONVERSION = 1;

interface FormatReader<F extends WeightFormat> {
  /** The files of the package that it needs. */
  wanted(format: F): readonly string[] | ((path: string) => boolean);
  convert(format: F, files: ReadonlyMap<string, string>, source: string): Promise<Model>;
}

type Readers = { readonly [K in WeightFormat["kind"]]: FormatReader<Extract<WeightFormat, { kind: K }>> };

const fileOf = (files: ReadonlyMap<string, string>, path: string, source: string): string => {
  const file = files.get(path);
  if (file === undefined) throw dataError(`${source} lacks the file ${path}: empty Graft's cache and try again.`);
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

/** Where the converted network lies, or will. */
const convertedPath = ({ name, source }: EntryFrom<"npm">): string =>
  join(cacheFolder(), "networks", `${name}-${sha256(source.package.integrity).slice(0, 12)}-${CONVERSION}.onnx`);

/** Whether the network can be opened without the registry. */
export const isNpmNetworkOnDisk = (entry: EntryFrom<"npm">): boolean => existsSync(convertedPath(entry));

/** Opens a network of npm, fetching and converting it where the cache lacks it. */
export async function openNpmNetwork(
  entry: EntryFrom<"npm">,
  { onProgress, offline, cut }: OpenOptions,
): Promise<Network> {
  const { package: from, format } = entry.source;
  const path = convertedPath(entry);
  if (!existsSync(path)) {
    await withLock(`${path}.lock`, { whenHeld: "wait" }, async () => {
      if (existsSync(path)) return;
      const reader = readerOf(format);
      const files = await fetchNpmFiles(from, reader.wanted(format), {
        ...(onProgress ? { onProgress } : {}),
        ...(offline ? { offline } : {}),
      });
      const model = raiseOpset(await reader.convert(format, files, `${idOf(from)}'s ${entry.name}`));
      await writeWhole(path, encodeModel(model));
    });
  }
  const { model, sha256: digest } = await readModelFile(path);
  return {
    name: entry.name,
    description: entry.description,
    licence: entry.licence,
    source: `npm:${idOf(from)}`,
    sha256: digest,
    model,
    preprocessing: entry.preprocessing,
    cut: cut ?? entry.source.cut,
  };
}
