/**
 * The engine in a page: chooses one of `onnxruntime-web`'s two builds, the device, the number of threads and the source of its one large file.
 * The choice holds for the page (or worker), because the build has one heap and one pool of threads. Sessions are in onnx/session/.
 */
import { queue } from "../base/concurrency.ts";
import { messageOf, usageError, workError } from "../base/errors.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { modelOf, node } from "../onnx/model.ts";
import { type ort, type RuntimeEngine, useEngine } from "../onnx/session/session.ts";
import { checkedEngineOptions, type Device, type EngineOptions } from "./page-options.ts";

/** What runs, with reasons for people. */
export interface EngineFacts {
  readonly device: Device;
  readonly why: string;
  readonly threads: number;
  readonly whyThreads: string;
}

interface Build {
  readonly load: () => Promise<Pick<typeof ort, "env" | "InferenceSession" | "Tensor">>;
  /** Its file in `onnxruntime-web/dist`. */
  readonly file: string;
}

/** Each build is loaded as its own file, because its threads load that file again. */
const builds: Readonly<Record<Device, Build>> = {
  wasm: { load: () => import("onnxruntime-web/wasm"), file: "ort-wasm-simd-threaded.wasm" },
  webgpu: { load: () => import("onnxruntime-web/webgpu"), file: "ort-wasm-simd-threaded.asyncify.wasm" },
};

let opened: { readonly wish: string; readonly facts: Promise<EngineFacts> } | undefined;

/**
 * Starts the engine. The first call in a page decides; later calls may pass the same options or none.
 *
 * @throws GraftError (`usage`) if the engine runs with other options already; (`work`) if WebAssembly, WebGPU or the `.wasm` file is missing
 *
 * @example
 * const { device, why, threads } = await openEngine({ wasm: "/ort/" });
 */
export async function openEngine(asked: EngineOptions = {}): Promise<EngineFacts> {
  const options = checkedEngineOptions(asked);
  const wish = JSON.stringify([options.device, options.wasm && String(options.wasm), options.threads]);
  if (opened === undefined) {
    const facts = start(options);
    opened = { wish, facts };
    // After a failed start, the next call may use other options.
    facts.catch(() => {
      opened = undefined;
    });
  } else if (wish !== opened.wish && Object.values(options).some((value) => value !== undefined)) {
    throw usageError(
      "The engine of this page was started with other options: give them with the first call, or none with the later ones.",
    );
  }
  return opened.facts;
}

async function start(options: EngineOptions): Promise<EngineFacts> {
  if (typeof WebAssembly === "undefined") {
    throw workError(
      "This browser has no WebAssembly (or has it switched off): use a current Chrome, Edge, Firefox or Safari.",
    );
  }
  const { device, why } = await chooseDevice(options.device ?? "auto");
  const { threads, whyThreads } = chooseThreads(options.threads);
  try {
    await startBuild(device, threads, options.wasm);
    return { device, why, threads, whyThreads };
  } catch (error) {
    if (device === "wasm" || options.device === "webgpu") throw error;
    // `why` reports the fallback.
    await startBuild("wasm", threads, options.wasm);
    const failed = `WebGPU did not start (${firstLine(error)}), so WebAssembly runs`;
    return { device: "wasm", why: failed, threads, whyThreads };
  }
}

async function chooseDevice(wanted: "auto" | Device): Promise<Pick<EngineFacts, "device" | "why">> {
  if (wanted === "wasm") return { device: "wasm", why: "WebAssembly, as asked for" };
  const found = await findAdapter();
  if (wanted === "webgpu") {
    if (found === "none")
      throw workError('This browser offers no WebGPU adapter: leave the option device out, or give "wasm".');
    return { device: "webgpu", why: `WebGPU, as asked for${found === "software" ? ", on a software adapter" : ""}` };
  }
  const reasons = {
    hardware: { device: "webgpu", why: "WebGPU: a graphics card answers" },
    software: { device: "wasm", why: "WebAssembly: WebGPU has only a software adapter here, which is slower" },
    none: { device: "wasm", why: "WebAssembly: this browser offers no WebGPU adapter" },
  } as const;
  return reasons[found];
}

/** The kind of adapter behind `navigator.gpu`. */
async function findAdapter(): Promise<"hardware" | "software" | "none"> {
  const { gpu } = navigator as { readonly gpu?: GPU };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return "none";
  // Browsers before 2025 had this property on the adapter.
  const { isFallbackAdapter = false } = adapter as { readonly isFallbackAdapter?: boolean };
  return (adapter.info?.isFallbackAdapter ?? isFallbackAdapter) ? "software" : "hardware";
}

function chooseThreads(wanted: number | undefined): Pick<EngineFacts, "threads" | "whyThreads"> {
  if (!globalThis.crossOriginIsolated) {
    const asked = wanted !== undefined && wanted > 1 ? ` (${wanted} were asked for)` : "";
    return {
      threads: 1,
      whyThreads: `one${asked}: the page is not cross-origin isolated, which takes the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp`,
    };
  }
  if (wanted !== undefined) return { threads: wanted, whyThreads: "as asked for" };
  return { threads: navigator.hardwareConcurrency, whyThreads: "all cores: the page is cross-origin isolated" };
}

/** Loads a build and opens a graph of one node, so that missing files and features fail here and not with the user's model. */
async function startBuild(device: Device, threads: number, folder: string | URL | undefined): Promise<void> {
  const { load, file } = builds[device];
  const address = folder === undefined ? undefined : wasmAddress(folder, file);
  try {
    const build = await load();
    build.env.wasm.numThreads = threads;
    if (address) build.env.wasm.wasmPaths = { wasm: address.href };
    const providers = device === "webgpu" ? ["webgpu", "wasm"] : ["wasm"];
    const session = await build.InferenceSession.create(oneNode(), { executionProviders: providers });
    await session.release();
    // Two runs at once on WebGPU wait for each other forever.
    const engine: RuntimeEngine = { ort: build, providers, inTurn: device === "webgpu" ? queue() : undefined };
    useEngine(engine);
  } catch (error) {
    throw startFailure(error, device, file, address);
  }
}

function wasmAddress(folder: string | URL, file: string): URL {
  const base = globalThis.document?.baseURI ?? globalThis.location.href;
  const text = String(folder);
  return new URL(file, new URL(text.endsWith("/") ? text : `${text}/`, base));
}

const oneNode = (): Uint8Array<ArrayBuffer> =>
  encodeModelWhole(
    modelOf({
      name: "one",
      nodes: [node("Identity", ["x"], ["y"])],
      inputs: [{ name: "x", type: "float32", dims: [1] }],
      outputs: [{ name: "y", type: "float32", dims: [1] }],
      initializers: new Map(),
    }),
  );

const firstLine = (error: unknown): string => messageOf(error).split("\n")[0] ?? "";

function startFailure(error: unknown, device: Device, file: string, address: URL | undefined): Error {
  const reported = messageOf(error);
  if (/Content Security Policy|unsafe-eval/i.test(reported)) {
    return workError(
      "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src.",
      error,
    );
  }
  if (/SIMD/.test(reported))
    return workError(
      "This browser's WebAssembly has no SIMD: use a Chrome, Edge, Firefox or Safari from 2023 on.",
      error,
    );
  if (/fetch|wasm failed|magic word|MIME|import|404/i.test(reported)) {
    return workError(
      `ONNX Runtime's file ${file} could not be loaded${address ? ` from ${address.href}` : ""}: copy it from node_modules/onnxruntime-web/dist into a folder of your site and give its address as the option wasm.`,
      error,
    );
  }
  return workError(`ONNX Runtime did not start on ${device}: ${firstLine(error)}`, error);
}
