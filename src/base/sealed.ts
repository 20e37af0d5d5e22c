/**
 * Small files with a checksum: JSON with a schema, or bytes. A file that was changed or damaged is detected when it is read, and
 * counts as missing. For data that can be computed again. Also publishes notices, such as that a damaged file was replaced.
 *
 *     {"sha256":"…","value":…}                         JSON: the checksum is of the text of the value
 *     graft-sealed 1 <sha256 in hexadecimal>\n…        bytes: of what follows the line
 */

import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { lstat, readFile, rm } from "node:fs/promises";
import * as v from "valibot";
import { codeOf } from "./errors.ts";
import { sha256, writeWhole } from "./files.ts";

/** What reading a file found. `other` is JSON without a checksum (written by an old version) or that does not fit the schema. */
export type Found<T> =
  | { readonly kind: "whole"; readonly value: T }
  | { readonly kind: "other"; readonly json: unknown }
  | { readonly kind: "absent" | "damaged" };

const HEX = 64;
const [JSON_START, JSON_MIDDLE, JSON_END] = ['{"sha256":"', '","value":', "}\n"];
const BYTES_START = "graft-sealed 1 ";

/** Writes a value as JSON with its checksum, completely or not at all. */
export async function writeSealedJson(path: string, value: unknown): Promise<void> {
  const text = JSON.stringify(value);
  await clearFolder(path);
  await writeWhole(path, JSON_START + sha256(text) + JSON_MIDDLE + text + JSON_END);
}

/** Reads what {@link writeSealedJson} wrote. */
export async function inspectSealedJson<S extends v.GenericSchema>(
  path: string,
  schema: S,
): Promise<Found<v.InferOutput<S>>> {
  const bytes = await bytesOf(path);
  if (!(bytes instanceof Uint8Array)) return { kind: bytes };
  const text = bytes.toString("utf8");
  if (!text.startsWith(JSON_START)) return plainJson(text);
  const digest = text.slice(JSON_START.length, JSON_START.length + HEX);
  const value = text.slice(JSON_START.length + HEX + JSON_MIDDLE.length, -JSON_END.length);
  const isWhole =
    text.slice(JSON_START.length + HEX).startsWith(JSON_MIDDLE) && text.endsWith(JSON_END) && sha256(value) === digest;
  if (!isWhole) return { kind: "damaged" };
  const json: unknown = JSON.parse(value);
  const found = v.safeParse(schema, json);
  return found.success ? { kind: "whole", value: found.output } : { kind: "other", json };
}

/**
 * The value of a sealed JSON file; undefined if it is missing or damaged. Publishes a notice if it is damaged.
 *
 * @param what what the file holds, as the start of a sentence: "The remembered speeds"
 */
export async function readSealedJson<S extends v.GenericSchema>(
  path: string,
  schema: S,
  what: string,
): Promise<v.InferOutput<S> | undefined> {
  const found = await inspectSealedJson(path, schema);
  if (found.kind === "damaged") notice(`${what} (${path}) was damaged: it is made again.`);
  return found.kind === "whole" ? found.value : undefined;
}

/** Bytes with their checksum in front, as chunks. */
export const sealed = (bytes: Uint8Array): Uint8Array[] => [Buffer.from(`${BYTES_START}${sha256(bytes)}\n`), bytes];

/** The bytes that {@link sealed} got; undefined if the checksum does not match. */
export function unsealed(bytes: Buffer): Buffer | undefined {
  const start = BYTES_START.length + HEX + 1;
  const value = bytes.subarray(start);
  return bytes.toString("latin1", 0, start) === `${BYTES_START}${sha256(value)}\n` ? value : undefined;
}

async function bytesOf(path: string): Promise<Buffer | "absent" | "damaged"> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return "absent";
    if (code === "EISDIR") return "damaged";
    throw error;
  }
}

function plainJson(text: string): Found<never> {
  try {
    return { kind: "other", json: JSON.parse(text) };
  } catch {
    return { kind: "damaged" };
  }
}

/** Removes a folder that is in the place of a cache file. */
async function clearFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory()) await rm(path, { recursive: true, force: true });
}

// Notices for people from deep inside a call. A program can listen on the channel "graft:notice" of `node:diagnostics_channel`; without
// a listener, Node prints a warning on stderr.

const NAME = "graft:notice";
const notices = channel(NAME);

const published = new Set<string>();

/** Publishes one sentence; the same sentence only once per process. */
export function notice(text: string): void {
  if (published.has(text)) return;
  published.add(text);
  if (notices.hasSubscribers) notices.publish({ text });
  else process.emitWarning(text, "GraftNotice");
}

/** Calls `listener` with every notice until the returned function is called. */
export function onNotice(listener: (text: string) => void): () => void {
  const hear = (message: unknown): void => {
    if (typeof message === "object" && message !== null && "text" in message) listener(String(message.text));
  };
  subscribe(NAME, hear);
  return () => void unsubscribe(NAME, hear);
}
