/** A file's bytes in a page: from an address, or given as they are. */
import { dataError, messageOf, workError } from "../base/errors.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { named } from "../base/text.ts";
import type { Source } from "./options.ts";

/** A file in memory. */
export interface Fetched {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it is called in errors. */
  readonly name: string;
}

/**
 * The bytes of a file.
 *
 * @throws GraftError (`data`) where there is no such file; (`work`) where the network failed
 */
export async function bytesOf(source: Source, onProgress?: OnProgress): Promise<Fetched> {
  if (source instanceof Uint8Array) return { bytes: plain(source), name: "the model" };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: "the model" };
  if (source instanceof Blob) {
    const name = "name" in source && typeof source.name === "string" ? source.name : "the model";
    return { bytes: new Uint8Array(await source.arrayBuffer()), name };
  }
  const name = named(String(source), 300);
  const response = await fetch(source).catch((error: unknown) => {
    throw workError(`Could not fetch ${name} (${messageOf(error)}): check the address and the connection.`, error);
  });
  if (!response.ok)
    throw dataError(`There is no file at ${name} (the server answered ${response.status}): check the address.`);
  return { bytes: await readBody(response, name, onProgress), name };
}

/** Over an ordinary buffer: one shared between threads is copied. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);

async function readBody(response: Response, name: string, onProgress?: OnProgress): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.body) return new Uint8Array();
  // Of a compressed answer, the length is the compressed one.
  const declared = response.headers.get("content-encoding") ? null : response.headers.get("content-length");
  const total = declared === null ? undefined : Number(declared);
  const meter = createMeter({ stage: `Fetching ${name}`, unit: "bytes", total, onProgress });
  const chunks: Uint8Array[] = [];
  const reader = response.body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      meter.add(part.value.length);
    }
  } catch (error) {
    throw workError(`The connection broke while ${name} was fetched: reload the page.`, error);
  }
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
