/**
 * ONNX Runtime sessions, and the build of ONNX Runtime that they run on: the only access to it, in Node and in browsers. Works on
 * models and tensors only.
 */
import type * as ort from "onnxruntime-common";
import type { InTurn } from "../../base/concurrency.ts";
import { dataError, GraftError, messageOf, workError } from "../../base/errors.ts";
import { encodeModelWhole } from "../codec/write-model.ts";
import { BLOCKED, int64Tensor, type Model, modelOf, node, type TensorType } from "../model.ts";

/** The element arrays of the inputs and outputs of a session. */
export type Elements = Float32Array | Uint8Array | Int32Array | BigInt64Array | Float64Array | Uint16Array;

/** An input or output of a session: row-major `data` of shape `dims`. */
export interface RuntimeTensor {
  readonly dims: readonly number[];
  readonly data: Elements;
  /** `float16` for a Uint16Array with the bits of float16 numbers; otherwise the array determines the type. */
  readonly type?: "float16" | undefined;
}

export interface SessionOptions {
  /** Threads of one run; default: all cores. */
  readonly threads?: number | undefined;
  /** Whether idle threads spin for a while; default true. Turn it off if other work needs the cores. */
  readonly spin?: boolean | undefined;
  /** Whether memory is kept for the next run; default true. Turn it off so that one large image does not hold memory forever. */
  readonly keepMemory?: boolean | undefined;
  /** Writes ONNX Runtime's profile (a JSON trace) to files whose paths start with this. */
  readonly profile?: string | undefined;
  /**
   * Whether ONNX Runtime may fuse and rewrite the graph; default true. `false` opens quickly and runs slowly. `basic` uses only
   * rewrites whose result is standard ONNX.
   */
  readonly optimise?: boolean | "basic" | undefined;
  /** Writes the graph, as ONNX Runtime rewrote it, to this file. */
  readonly writeTo?: string | undefined;
  /** Whether ONNX Runtime logs nothing about errors besides throwing them; for runs that are expected to fail. */
  readonly silent?: boolean | undefined;
}

/** An opened model. Call {@link Session.close} when done: its memory is outside of JavaScript's heap. */
export interface Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The declared or inferred type and dimensions of an input or output; symbols as text, unknown dimensions as −1. */
  declared(name: string): { readonly type: TensorType; readonly dims: readonly (number | string)[] } | undefined;
  /** Runs the graph and returns the wanted outputs; default all. */
  run(
    feeds: Readonly<Record<string, RuntimeTensor>>,
    wanted?: readonly string[],
  ): Promise<Record<string, RuntimeTensor>>;
  close(): Promise<void>;
}

/** How a platform opens models: in Node through a file if that saves memory (mapped-model.ts), in a browser as bytes. */
export type OpenModel = (model: Model, options?: SessionOptions) => Promise<Session>;

/** By the `Symbol.toStringTag` of the array, which a subclass such as Node's `Buffer` shares. */
const elementTypes: ReadonlyMap<string, ort.Tensor.Type> = new Map([
  ["Float32Array", "float32"],
  ["Uint8Array", "uint8"],
  ["Int32Array", "int32"],
  ["BigInt64Array", "int64"],
  ["Float64Array", "float64"],
  ["Uint16Array", "uint16"],
]);

function toOrt({ Tensor }: RuntimeEngine["ort"], { dims, data, type: stated }: RuntimeTensor): ort.Tensor {
  const type = stated ?? elementTypes.get(data[Symbol.toStringTag]);
  if (!type) throw new TypeError(`ONNX Runtime takes no ${data[Symbol.toStringTag]}.`);
  const tensor = new Tensor(type, data, dims);
  // If JavaScript has a Float16Array (Node 24, browsers), ONNX Runtime views the bits as one, and onnxruntime-node 1.30 then reads
  // no elements. It does read a Uint16Array.
  if (type === "float16") Object.defineProperty(tensor, "data", { value: data });
  return tensor;
}

function fromOrt({ type, dims, data }: ort.Tensor): RuntimeTensor {
  if (type !== "float16") return { dims, data: data as Elements };
  // If JavaScript has a Float16Array, ONNX Runtime returns one; callers want its bits.
  const { buffer, byteOffset, length } = data as Uint16Array;
  return { dims, data: new Uint16Array(buffer, byteOffset, length), type };
}

/**
 * Opens a model as a session.
 *
 * @param source the bytes of an `.onnx` file, or its path (for large files, which the runtime then reads itself)
 * @throws GraftError (`data`) if ONNX Runtime does not accept the model
 */
export async function openSession(source: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  const { ort, providers, inTurn = atOnce } = await engine();
  // Conditional spreads: the native library throws for a setting that is present and undefined.
  const settings: ort.InferenceSession.SessionOptions = {
    // Sessions without optimisation only serve shape inference: they need no GPU.
    ...(providers && options.optimise !== false ? { executionProviders: [...providers] } : {}),
    ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
    ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
    graphOptimizationLevel: options.optimise === false ? "disabled" : options.optimise === "basic" ? "basic" : "all",
    ...(options.writeTo ? { optimizedModelFilePath: options.writeTo } : {}),
    // Planning one block for all activations takes a fifth more memory and saves no time (`bench -- forward`).
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

function wrap(session: ort.InferenceSession, ort: RuntimeEngine["ort"], inTurn: InTurn, profiled: boolean): Session {
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

// The build of ONNX Runtime: `onnxruntime-node` in Node (native.ts), one of `onnxruntime-web`'s in a page. The package's import
// `#onnxruntime` resolves to the right one, so that a bundler for pages never includes Node's. It is loaded on first use, in a page as
// a separate file: its threads are workers that load that file again, and it must contain nothing else.

export type { ort };

/** A build of ONNX Runtime, and what its sessions run on. */
export interface RuntimeEngine {
  readonly ort: Pick<typeof ort, "InferenceSession" | "Tensor">;
  /** Execution providers, the preferred first; without any, the build's own default. */
  readonly providers?: readonly ort.InferenceSession.ExecutionProviderConfig[] | undefined;
  /** Set if only one session may work at a time, for builds that do not support two at once. */
  readonly inTurn?: InTurn | undefined;
}

let current: Promise<RuntimeEngine> | undefined;

/**
 * The engine of this process or page.
 *
 * @throws GraftError (`work`) if it cannot be loaded
 */
export function engine(): Promise<RuntimeEngine> {
  current ??= import("#onnxruntime").then(
    (ort) => ({ ort }),
    (error: unknown) => {
      throw error instanceof GraftError ? error : loadFailure(error);
    },
  );
  return current;
}

const loadFailure = (error: unknown): GraftError =>
  workError(
    `ONNX Runtime could not be loaded (${messageOf(error).split("\n")[0]}). It needs Linux with glibc, macOS on Apple silicon or Windows, on x64 or arm64, and a process that has not loaded another version of onnxruntime-node.`,
    error,
  );

/** Sets the engine that all sessions opened from now on run on. */
export function useEngine(chosen: RuntimeEngine): void {
  current = Promise.resolve(chosen);
}

// Whether this build of ONNX Runtime has its blocked convolutions, the operators of the domain `com.microsoft.nchwc`, which it uses
// itself for convolutions with a constant kernel. No specification defines them, so that a trial compares a small convolution with the
// standard operator before they are used.

/** Channels of the trial: a multiple of every block size. */
const CHANNELS = 32;
const SIDE = 5;

/** The execution providers that compute on the processor. */
const PROCESSORS = new Set(["cpu", "wasm"]);

let known: Promise<boolean> | undefined;

/** Tries once per process or page and keeps the result. */
export function hasBlockedConvolutions(): Promise<boolean> {
  known ??= tried().catch(() => false);
  return known;
}

/** Computes a depthwise convolution with both operators and compares. */
async function tried(): Promise<boolean> {
  // GPU providers have none: ONNX Runtime would run them on the CPU, with copies in both directions.
  const first = (await engine()).providers?.[0] ?? "cpu";
  if (!PROCESSORS.has(typeof first === "string" ? first : first.name)) return false;
  const blocked = (op: string, inputs: string[], outputs: string[], attributes = {}) => ({
    ...node(op, inputs, outputs, attributes),
    domain: BLOCKED.domain,
  });
  const settings = { kernel_shape: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: CHANNELS };
  const model = modelOf({
    name: "trial",
    nodes: [
      node("Reshape", ["kernel", "asImage"], ["image"]),
      blocked("ReorderInput", ["x"], ["blockedX"]),
      blocked("ReorderInput", ["image"], ["blockedImage"]),
      node("Reshape", ["blockedImage", "asKernel"], ["blockedKernel"]),
      blocked("Conv", ["blockedX", "blockedKernel"], ["blockedY"], settings),
      blocked("ReorderOutput", ["blockedY"], ["y"], { channels: CHANNELS }),
      node("Conv", ["x", "kernel"], ["expected"], settings),
    ],
    inputs: [
      { name: "x", type: "float32", dims: [1, CHANNELS, SIDE, SIDE] },
      { name: "kernel", type: "float32", dims: [CHANNELS, 1, 3, 3] },
    ],
    outputs: [{ name: "y" }, { name: "expected" }],
    initializers: new Map([
      ["asImage", int64Tensor([4], [1, CHANNELS, 3, 3])],
      ["asKernel", int64Tensor([4], [CHANNELS, 1, 3, 3])],
    ]),
  });
  const session = await openSession(
    encodeModelWhole({ ...model, opsets: new Map([...model.opsets, [BLOCKED.domain, BLOCKED.version]]) }),
    { threads: 1, silent: true },
  );
  try {
    const wave = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(1.3 * i));
    const { y, expected } = await session.run({
      x: { dims: [1, CHANNELS, SIDE, SIDE], data: wave(CHANNELS * SIDE * SIDE) },
      kernel: { dims: [CHANNELS, 1, 3, 3], data: wave(CHANNELS * 9) },
    });
    const [own, standard] = [y!.data as Float32Array, expected!.data as Float32Array];
    return own.length === standard.length && own.every((value, i) => Math.abs(value - standard[i]!) < 1e-4);
  } finally {
    await session.close();
  }
}
