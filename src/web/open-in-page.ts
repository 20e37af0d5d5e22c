/**
 * Opens a trained model or a network in a page, from an address, a File or Blob, or bytes. Predictions are those of Node. Training is in
 * train-in-page.ts.
 */
import { dataError, messageOf, workError } from "../base/errors.ts";
import { checkedArgument } from "../base/option-schemas.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { named } from "../base/text.ts";
import {
  type Prediction as CommandLinePrediction,
  predictImage,
  predictionOf,
  type RawPrediction,
  readArtifact,
} from "../model/predict.ts";
import { networkOf } from "../networks/imported/model-network.ts";
import type { Network } from "../networks/network.ts";
import { decodeModel } from "../onnx/codec/read-model.ts";
import { openSession } from "../onnx/session/session.ts";
import { raiseModel } from "../onnx/session/shapes.ts";
import { type EngineFacts, openEngine } from "./page-engine.ts";
import {
  checkedNetworkOptions,
  checkedOpenOptions,
  checkedPredictOptions,
  type NetworkOptions,
  type OpenOptions,
  type PredictOptions,
  type Source,
  source as sourceSchema,
} from "./page-options.ts";
import { type Picture, pixelsOf } from "./page-pixels.ts";

/** A file in memory. */
export interface Fetched {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its name in errors. */
  readonly name: string;
}

/**
 * Reads the bytes of a file.
 *
 * @throws GraftError (`data`) if there is no such file; (`work`) if the network failed
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

/** Copies bytes in shared memory into an ordinary buffer. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);

async function readBody(response: Response, name: string, onProgress?: OnProgress): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.body) return new Uint8Array();
  // The length of a compressed response is that of the compressed bytes.
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

/**
 * Opens an ONNX image network for training; it may be a model that Graft trained.
 *
 * @param source its address, a File or Blob, or its bytes
 * @throws GraftError (`data`) if Graft cannot use it; (`usage`) if there is no tensor named by `cut`; (`work`) if the engine or the network
 *   connection fails
 *
 * @example
 * const network = await openNetwork("/mobilenet_v2.onnx", { preprocessing: "inception" });
 */
export async function openNetwork(source: Source, options: NetworkOptions = {}): Promise<Network> {
  const { onProgress, cut, preprocessing, ...engine } = checkedNetworkOptions(options);
  const file = checkedArgument(sourceSchema, source, "The first argument of openNetwork");
  const { bytes, name } = await bytesOf(file, onProgress);
  await openEngine(engine);
  const model = await raiseModel(decodeModel(bytes, name));
  return { ...(await networkOf(model, name, { cut, preprocessing })), sha256: await sha256(bytes) };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle)
    throw workError(
      "This page is not served securely, so the browser computes no checksums: serve it over https, or from localhost.",
    );
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The prediction for one image: as the command line gives it, with the numbers behind it. */
export type Prediction = CommandLinePrediction & Omit<RawPrediction, "oodScore">;

/** An open `model.onnx`. */
export interface WebArtifact {
  /** In the order of `probabilities`. */
  readonly classes: readonly string[];
  /** The engine that it runs on, and why. */
  readonly engine: EngineFacts;
  /** @throws GraftError (`data`) if the image cannot be read */
  predict(image: Picture, options?: PredictOptions): Promise<Prediction>;
  /** Releases its memory. */
  close(): Promise<void>;
}

/**
 * Opens a `model.onnx` that Graft trained.
 *
 * @param source its address, a File or Blob, or its bytes
 * @throws GraftError (`usage`) if an option is invalid; (`data`) if there is no such file, or it is not a model of Graft; (`work`) if the engine
 *   or the network connection fails
 *
 * @example
 * import { openArtifact } from "graft-ml/web";
 * const model = await openArtifact("/model.onnx");
 * const { label, probability } = await model.predict(document.querySelector("img"));
 * console.log(label, probability, model.engine.why);
 */
export async function openArtifact(source: Source, options: OpenOptions = {}): Promise<WebArtifact> {
  const { onProgress, ...wanted } = checkedOpenOptions(options);
  const file = checkedArgument(sourceSchema, source, "The first argument of openArtifact");
  const { bytes, name } = await bytesOf(file, onProgress);
  const { classes, uncertainty } = readArtifact(bytes, name);
  const engine = await openEngine(wanted);
  const session = await openSession(bytes);
  return {
    classes,
    engine,
    async predict(image, options = {}) {
      const { topK } = checkedPredictOptions(options);
      const raw = await predictImage(session, await pixelsOf(image));
      const { oodScore: _, ...numbers } = raw;
      return { ...numbers, ...predictionOf({ classes, uncertainty }, raw, topK) };
    },
    close: () => session.close(),
  };
}
