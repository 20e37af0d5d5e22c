/**
 * The cache of converted networks: an ONNX file each, with its SHA-256 in a small file beside it, so that damage is found when it
 * is read. Converts nothing.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../base/cache.ts";
import { codeOf } from "../base/errors.ts";
import { sha256, sha256OfChunks, sha256OfFile, writeWhole } from "../base/files.ts";
import { markUsed } from "../base/last-use.ts";
import { inspectSealedJson, writeSealedJson } from "../base/sealed.ts";

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
