/** Starts worker threads from modules of Graft, compiled or from source, and calls them: each call gets one reply. Knows no task. */

import { type EventEmitter, once } from "node:events";
import { type MessagePort, Worker, type WorkerOptions } from "node:worker_threads";
import { type ErrorCode, type FailureKind, GraftError, messageOf } from "./errors.ts";

/**
 * Starts the module at `url`, given by its source: `new URL("./work.ts", import.meta.url)`. In a build, runs the compiled file
 * beside it. From source (tests, benches), the thread loads TypeScript with tsx.
 */
export function startThread(url: URL, options: WorkerOptions = {}): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(url.href.replace(/\.ts$/, ".js")), options);
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${JSON.stringify(url.href)}); });`;
  return new Worker(start, { ...options, eval: true });
}

/** An error as data for another thread; with `kind` and `code` if it is a {@link GraftError}. */
export interface Failure {
  readonly message: string;
  readonly kind?: FailureKind | undefined;
  readonly code?: ErrorCode | undefined;
}

export const failureOf = (error: unknown): Failure =>
  error instanceof GraftError
    ? { message: error.message, kind: error.kind, code: error.code }
    : { message: messageOf(error) };

/** The error that a {@link Failure} was made from. */
export const errorOf = ({ kind, code, message }: Failure): Error =>
  kind ? new GraftError(kind, message, { code }) : new Error(message);

interface Call<Q> {
  readonly call: number;
  readonly request: Q;
}

interface Reply<A> {
  readonly call: number;
  readonly value?: A | undefined;
  readonly failure?: Failure | undefined;
}

/** A thread that answers calls. */
export interface Thread<Q, A> {
  /** @param handedOver memory that is transferred to the thread instead of copied; do not read it afterwards */
  ask(request: Q, handedOver?: readonly ArrayBuffer[]): Promise<A>;
  /** Sends `last` and waits until the thread has answered it and ended. */
  stop(last: Q): Promise<void>;
  /** Ends the thread immediately; calls without a reply fail. */
  kill(): Promise<void>;
}

export interface ThreadCalls {
  /** The error for calls that the thread did not answer before it ended. */
  readonly death: Error;
  /** Called when the thread has ended. */
  readonly onEnd?: ((error: Error) => void) | undefined;
}

/** The caller's end of {@link answerCalls}. */
export function callsTo<Q, A>(worker: Worker, { death: unexpected, onEnd }: ThreadCalls): Thread<Q, A> {
  const waiting = new Map<number, { resolve(value: A): void; reject(error: Error): void }>();
  let [calls, isAlive] = [0, true];
  let death = unexpected;
  worker.on("message", (reply: Reply<A>) => {
    const asked = waiting.get(reply.call);
    waiting.delete(reply.call);
    if (reply.failure) asked?.reject(errorOf(reply.failure));
    else asked?.resolve(reply.value as A);
  });
  worker.on("error", (error) => {
    death = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("exit", () => {
    isAlive = false;
    for (const { reject } of waiting.values()) reject(death);
    waiting.clear();
    onEnd?.(death);
  });
  const ask: Thread<Q, A>["ask"] = (request, handedOver = []) =>
    new Promise((resolve, reject) => {
      if (!isAlive) return reject(death);
      const call: Call<Q> = { call: calls++, request };
      waiting.set(call.call, { resolve, reject });
      worker.postMessage(call, handedOver);
    });
  return {
    ask,
    async stop(last) {
      if (!isAlive) return;
      const ended = once(worker as EventEmitter, "exit");
      await ask(last);
      await ended;
    },
    async kill() {
      await worker.terminate();
    },
  };
}

/**
 * The thread's end: answers every call. Stops listening after a call for which `isLast` is true.
 *
 * @param handedOver memory of a reply that is transferred to the caller instead of copied
 */
export function answerCalls<Q, A>(
  port: MessagePort,
  answer: (request: Q) => Promise<A>,
  { isLast, handedOver }: { isLast?(request: Q): boolean; handedOver(value: A): readonly ArrayBuffer[] },
): void {
  port.on("message", async ({ call, request }: Call<Q>) => {
    let reply: Reply<A>;
    let memory: readonly ArrayBuffer[] = [];
    try {
      const value = await answer(request);
      reply = { call, value };
      memory = handedOver(value);
    } catch (error) {
      reply = { call, failure: failureOf(error) };
    }
    port.postMessage(reply, [...memory]);
    if (isLast?.(request)) port.close();
  });
}
