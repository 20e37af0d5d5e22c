/** Setting the execution provider that a bench's process runs on, by the word of its command line. */
import { engine, type RuntimeEngine, useEngine } from "../../src/onnx/session/session.ts";

/**
 * Runs all sessions that are opened from now on, on a provider.
 *
 * @param chosen `cpu`, or JSON of what ONNX Runtime's `executionProviders` takes: `{"name":"webgpu","preferredLayout":"NCHW"}`
 */
export async function useProvider(chosen: string): Promise<RuntimeEngine> {
  const { ort } = await engine();
  const providers = chosen === "cpu" ? undefined : [JSON.parse(chosen) as { readonly name: string }, "cpu"];
  const set: RuntimeEngine = { ort, ...(providers ? { providers } : {}) };
  useEngine(set);
  return set;
}
