/**
 * Which build of ONNX Runtime the sessions run on: `onnxruntime-node` in Node (native.ts), one of `onnxruntime-web`'s in a page.
 * The package's import `#onnxruntime` says which, so that a bundler for pages never meets Node's. It is loaded on first use,
 * and in a page as a file of its own: its threads are workers that load that file again, and must find nothing else in it.
 */
import type * as ort from "onnxruntime-common";
import type { InTurn } from "../base/concurrency.ts";
import { GraftError, messageOf, workError } from "../base/errors.ts";

export type { ort };

/** A build of ONNX Runtime, and what its sessions run on. */
export interface Engine {
  readonly ort: Pick<typeof ort, "InferenceSession" | "Tensor">;
  /** Execution providers, the preferred first; without any, the build's own default. */
  readonly providers?: readonly ort.InferenceSession.ExecutionProviderConfig[] | undefined;
  /** Whether only one session may do something at a time, for builds that do not stand two at once. */
  readonly inTurn?: InTurn | undefined;
}

let current: Promise<Engine> | undefined;

/**
 * The engine of this process or page.
 *
 * @throws GraftError (`work`) where it cannot be loaded
 */
export function engine(): Promise<Engine> {
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
export function useEngine(chosen: Engine): void {
  current = Promise.resolve(chosen);
}
