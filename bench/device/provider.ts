/** Setting the execution provider that a bench's process runs on, by the word of its command line. */
import { type Engine, engine, useEngine } from "../../src/onnx/session/session.ts";

/**
 * Runs all sessions that are opened from now on, on a provider.
 *
 * @param chosen `cpu`, or JSON of what ONNX Runtime's `executionProviders` takes: `{"name":"webgpu","preferredLayout":"NCHW"}`
 */
export async function useProvider(chosen: string): Promise<Engine> {
  const { ort } = await engine();
  const providers = chosen === "cpu" ? undefined : [JSON.parse(chosen) as { readonly name: string }, "cpu"];
  const set: Engine = { ort, ...(providers ? { providers } : {}) };
  useEngine(set);
  return set;
}
