/**
 * One engine thread: holds a pair of sessions for each open version and runs one batch at a time. ONNX Runtime's runs block
 * their thread, so they are here and not where requests arrive.
 */
import { parentPort, workerData } from "node:worker_threads";
import { answerCalls, type Failure, failureOf } from "../base/threads.ts";
import type { RgbImage } from "../data/image/decode.ts";
import { artifactParts, IMAGE } from "../model/artifact-graph.ts";
import { readArtifact } from "../model/open-artifact.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import type { Elements, RuntimeTensor, Session } from "../onnx/session/session.ts";

/** What a thread starts with. */
export interface ThreadData {
  /** Cores that one run may use. */
  readonly cores: number;
}

interface Sessions {
  /** The tensor between the two sessions: resized pixels. */
  readonly seam: string;
  readonly preparation: Session;
  readonly predictor: Session;
  /** Images per run of the model. */
  readonly runLength: number;
}

const { cores } = workerData as ThreadData;
const versions = new Map<VersionId, Sessions>();

async function open(bytes: Uint8Array, path: string): Promise<Sessions> {
  const parts = artifactParts(readArtifact(bytes, path).model, path, "resized");
  const { seam } = parts;
  // A large image takes much memory while it is resized; that memory must be freed.
  const preparation = await openModel(parts.preparation, { threads: 1, keepMemory: false });
  try {
    const predictor = await openModel(parts.predictor, { threads: cores, spin: false });
    return { seam, preparation, predictor, runLength: await quickestRun({ seam, preparation, predictor }) };
  } catch (error) {
    await preparation.close();
    throw error;
  }
}

/** The batch that single runs are compared with. */
const SEVERAL = 4;

/**
 * The best number of images per run: one, or as many as wait. A batch reads large weights once and uses many cores; but the
 * values between the layers of a small network stay in the cache for a single image. Measured on blank images, which also warms
 * up the model for the first request.
 */
async function quickestRun({ seam, preparation, predictor }: Omit<Sessions, "runLength">): Promise<number> {
  const { [seam]: blank } = await preparation.run({ [IMAGE]: { dims: [1, 32, 32, 3], data: new Uint8Array(3072) } });
  const batches = [1, SEVERAL].map((images) => stack(Array.from({ length: images }, () => blank!)));
  const millisecondsEach: number[] = [];
  for (const batch of batches) {
    await predictor.run({ [seam]: batch });
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 2; tries++) {
      const began = performance.now();
      await predictor.run({ [seam]: batch });
      best = Math.min(best, performance.now() - began);
    }
    millisecondsEach.push(best / batch.dims[0]!);
  }
  return millisecondsEach[0]! <= millisecondsEach[1]! ? 1 : Number.POSITIVE_INFINITY;
}

/** Runs a batch; an image that cannot be prepared fails alone. */
async function run(
  { seam, preparation, predictor, runLength }: Sessions,
  images: readonly RgbImage[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const prepared: { readonly at: number; readonly pixels: RuntimeTensor }[] = [];
  for (const [at, { width, height, data }] of images.entries()) {
    try {
      const result = await preparation.run({ [IMAGE]: { dims: [1, height, width, 3], data } });
      prepared.push({ at, pixels: result[seam]! });
    } catch (error) {
      outcomes[at] = { failure: failureOf(error) };
    }
  }
  for (let from = 0; from < prepared.length; from += runLength) {
    const batch = prepared.slice(from, from + runLength);
    const results = await predictor.run({ [seam]: stack(batch.map(({ pixels }) => pixels)) });
    for (const [row, { at }] of batch.entries()) outcomes[at] = { outputs: rowOf(results, row, batch.length) };
  }
  return outcomes;
}

/** Images `[1, …]` → `[N, …]`. */
function stack(images: readonly RuntimeTensor[]): RuntimeTensor {
  const first = images[0]!;
  if (images.length === 1) return first;
  const data = new Uint8Array(first.data.length * images.length);
  for (const [i, image] of images.entries()) data.set(image.data as Uint8Array, i * first.data.length);
  return { dims: [images.length, ...first.dims.slice(1)], data };
}

/** One row of each output, copied: a view would transfer the whole batch. */
function rowOf(results: Readonly<Record<string, RuntimeTensor>>, row: number, rows: number): Outputs {
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => {
      const length = data.length / rows;
      return [name, data.slice(row * length, (row + 1) * length)];
    }),
  );
}

/** The buffers of all outputs: transferred, not copied. */
const buffersOf = (outcomes: readonly Outcome[]): ArrayBuffer[] =>
  outcomes.flatMap((outcome) =>
    "outputs" in outcome ? Object.values(outcome.outputs).map(({ buffer }) => buffer as ArrayBuffer) : [],
  );

async function close(version: VersionId): Promise<void> {
  const sessions = versions.get(version);
  versions.delete(version);
  await sessions?.preparation.close();
  await sessions?.predictor.close();
}

async function handle(request: Request): Promise<readonly Outcome[] | undefined> {
  switch (request.kind) {
    case "open":
      versions.set(request.version, await open(request.bytes, request.path));
      return undefined;
    case "run":
      return run(versions.get(request.version)!, request.images);
    case "close":
      await close(request.version);
      return undefined;
    case "stop":
      for (const version of [...versions.keys()]) await close(version);
      return undefined;
  }
}

answerCalls(parentPort!, handle, {
  isLast: ({ kind }: Request) => kind === "stop",
  handedOver: (value) => (value ? buffersOf(value) : []),
});

// The messages between the server and its engine threads.

/** What a model returns for one image: each output's row, by the output's name. */
export type Outputs = Readonly<Record<string, Elements>>;

/** A version of a model that is open in every thread. */
export type VersionId = number;

/** The result for one image of a batch. */
export type Outcome = { readonly outputs: Outputs } | { readonly failure: Failure };

export type Request =
  | { readonly kind: "open"; readonly version: VersionId; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "run"; readonly version: VersionId; readonly images: readonly RgbImage[] }
  | { readonly kind: "close"; readonly version: VersionId }
  | { readonly kind: "stop" };
