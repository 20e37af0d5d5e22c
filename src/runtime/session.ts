/**
 * ONNX Runtime sessions: the only door to the engine, in Node and in a page alike. Knows models and tensors, nothing of
 * images or training. Which build of the engine runs is said in engine.ts.
 */
import type { InTurn } from "../base/concurrency.ts";
import { dataError, messageOf } from "../base/errors.ts";
import type { Model } from "../graph/model.ts";
import type { TensorType } from "../graph/tensor.ts";
import { type Engine, engine, type ort } from "./engine.ts";

/** What a tensor may hold when it goes in or comes out of a session. */
export type Elements = Float32Array | Uint8Array | Int32Array | BigInt64Array | Float64Array | Uint16Array;

/** A tensor in or out of a session: row-major `data` of shape `dims`. */
export interface RuntimeTensor {
  readonly dims: readonly number[];
  readonly data: Elements;
  /** Says `float16` of a Uint16Array that holds the bits of such numbers; else the array tells the type. */
  readonly type?: "float16" | undefined;
}

export interface SessionOptions {
  /** Threads of one run; default: all cores. */
  readonly threads?: number | undefined;
  /** Whether threads without work keep their core busy for a while; default true. Off where others need the cores. */
  readonly spin?: boolean | undefined;
  /** Whether memory is kept for the next run; default true. Off where one large picture must not hold memory for ever. */
  readonly keepMemory?: boolean | undefined;
  /** Writes ONNX Runtime's profile (a JSON trace) to files that start with this. */
  readonly profile?: string | undefined;
  /**
   * Whether ONNX Runtime may fuse and rewrite the graph; default true. Off, opening is quick and running is slow. `basic`: only what is
   * ONNX before is ONNX afterwards.
   */
  readonly optimise?: boolean | "basic" | undefined;
  /** Writes the graph as ONNX Runtime has rewritten it to this file. */
  readonly writeTo?: string | undefined;
  /** Whether ONNX Runtime keeps to itself what it says of errors, besides throwing them; for runs that may fail. */
  readonly silent?: boolean | undefined;
}

/** A model made ready to run. Call {@link Session.close} when done: the memory is outside JavaScript's heap. */
export interface Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The declared or inferred type and dimensions of an input or output; symbols as text, nothing known as −1. */
  declared(name: string): { readonly type: TensorType; readonly dims: readonly (number | string)[] } | undefined;
  /** Runs the graph; yields the wanted outputs, by default all. */
  run(
    feeds: Readonly<Record<string, RuntimeTensor>>,
    wanted?: readonly string[],
  ): Promise<Record<string, RuntimeTensor>>;
  close(): Promise<void>;
}

/** How models are opened where one runs: through a file where that saves memory (open-model.ts), as bytes in a page. */
export type OpenModel = (model: Model, options?: SessionOptions) => Promise<Session>;

/** By the name of the array's class that JavaScript itself gives, which a subclass (Node's `Buffer`) shares. */
const elementTypes: ReadonlyMap<string, ort.Tensor.Type> = new Map([
  ["Float32Array", "float32"],
  ["Uint8Array", "uint8"],
  ["Int32Array", "int32"],
  ["BigInt64Array", "int64"],
  ["Float64Array", "float64"],
  ["Uint16Array", "uint16"],
]);

function toOrt({ Tensor }: Engine["ort"], { dims, data, type: said }: RuntimeTensor): ort.Tensor {
  const type = said ?? elementTypes.get(data[Symbol.toStringTag]);
  if (!type) throw new TypeError(`ONNX Runtime takes no ${data[Symbol.toStringTag]}.`);
  const tensor = new Tensor(type, data, dims);
  // Where JavaScript has a Float16Array (Node 24, browsers), ONNX Runtime views the bits as one, and its library for Node then reads
  // no elements at all (1.30). It does read the bits.
  if (type === "float16") Object.defineProperty(tensor, "data", { value: data });
  return tensor;
}

function fromOrt({ type, dims, data }: ort.Tensor): RuntimeTensor {
  if (type !== "float16") return { dims, data: data as Elements };
  // Where JavaScript has a Float16Array, ONNX Runtime returns one: its bits are wanted.
  const { buffer, byteOffset, length } = data as Uint16Array;
  return { dims, data: new Uint16Array(buffer, byteOffset, length), type };
}

/**
 * Opens a model for running.
 *
 * @param source the bytes of an `.onnx` file, or its path (for large ones: the runtime then reads it itself)
 * @throws GraftError (`data`) where ONNX Runtime does not accept the model
 */
export async function openSession(source: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  const { ort, providers, inTurn = atOnce } = await engine();
  // Spread on conditions: the native library throws where a setting is there and undefined.
  const settings: ort.InferenceSession.SessionOptions = {
    // Sessions that are not optimised only tell shapes: no place for a graphics card.
    ...(providers && options.optimise !== false ? { executionProviders: [...providers] } : {}),
    ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
    ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
    graphOptimizationLevel: options.optimise === false ? "disabled" : options.optimise === "basic" ? "basic" : "all",
    ...(options.writeTo ? { optimizedModelFilePath: options.writeTo } : {}),
    // One block for all activations, planned beforehand, takes a fifth more memory and gains no time (`bench -- forward`).
    enableMemPattern: false,
    ...(options.keepMemory === false ? { enableCpuMemArena: false } : {}),
    ...(options.spin === false ? { extra: { session: { intra_op: { allow_spinning: "0" } } } } : {}),
    logSeverityLevel: options.silent ? 4 : 3,
  };
  let session: ort.InferenceSession;
  try {
    session = await inTurn(() =>
      typeof source === "string"
        ? ort.InferenceSession.create(source, settings)
        : ort.InferenceSession.create(source, settings),
    );
  } catch (error) {
    const called = typeof source === "string" ? source : "The model";
    throw dataError(`${called} is not a model that ONNX Runtime accepts: ${firstLine(messageOf(error))}`, error);
  }
  return wrap(session, ort, inTurn, options.profile !== undefined);
}

const firstLine = (message: string): string => message.split("\n")[0] ?? message;

const atOnce: InTurn = (work) => work();

function wrap(session: ort.InferenceSession, ort: Engine["ort"], inTurn: InTurn, profiled: boolean): Session {
  const metadata = new Map([...session.inputMetadata, ...session.outputMetadata].map((value) => [value.name, value]));
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    declared(name) {
      const value = metadata.get(name);
      return value?.isTensor ? { type: value.type as TensorType, dims: value.shape } : undefined;
    },
    async run(feeds, wanted) {
      const tensors = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(ort, tensor)]));
      const results = await inTurn(() => (wanted ? session.run(tensors, [...wanted]) : session.run(tensors)));
      return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, fromOrt(result)]));
    },
    async close() {
      if (profiled) session.endProfiling();
      await inTurn(() => session.release());
    },
  };
}
