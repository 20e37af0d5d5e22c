/**
 * Limits on requests: the length of bodies, the time between two pieces, the memory of all bodies together, and deadlines for
 * responses. The budget counts memory in use, not bytes received: a body in pieces of one byte costs no more than any other.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { type Budget, createBudget } from "../base/concurrency.ts";
import { busy, Refusal } from "./responses.ts";

export interface BodyBounds {
  readonly maxBytes: number;
  /** The longest wait for the next piece, in milliseconds. */
  readonly stallMs: number;
  /** Ends the reading, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** What to do about a body that is too long: the end of the error sentence. */
  readonly remedy: string;
}

/** A body in memory; `release` returns its share to the budget. */
export interface Body {
  readonly bytes: Buffer;
  release(): void;
}

const tooLong = ({ maxBytes, remedy }: BodyBounds): Refusal =>
  new Refusal(413, `The body is longer than ${maxBytes / 1e6} MB: ${remedy}.`);

const declaredBytes = ({ headers }: IncomingMessage): number | undefined =>
  headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);

/** Whether a request declares that its body is too long. */
export const declaresTooMuch = (incoming: IncomingMessage, maxBytes: number): boolean =>
  (declaredBytes(incoming) ?? 0) > maxBytes;

/**
 * The pieces of a body as they arrive. Pieces that are there together are joined. After a failure, the connection stays open
 * for the response.
 *
 * @throws Refusal (400, 408, 413, 415); the signal's reason if it is aborted first
 */
export async function* piecesOf(incoming: IncomingMessage, bounds: BodyBounds): AsyncGenerator<Buffer, void> {
  const { maxBytes, stallMs, signal } = bounds;
  if (declaresTooMuch(incoming, maxBytes)) throw tooLong(bounds);
  const coding = incoming.headers["content-encoding"] ?? "identity";
  // Unpacked, it could be a thousand times as long, and images are compressed already.
  if (coding !== "identity") throw new Refusal(415, "Compressed bodies are not supported: leave out Content-Encoding.");
  let wake: () => void = () => {};
  const onChange = (): void => wake();
  const changes = ["readable", "end", "error", "close"] as const;
  for (const change of changes) incoming.on(change, onChange);
  signal?.addEventListener("abort", onChange);
  let length = 0;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const piece = incoming.read() as Buffer | null;
      if (piece !== null) {
        length += piece.length;
        if (length > maxBytes) throw tooLong(bounds);
        yield piece;
      } else if (incoming.readableEnded) return;
      else if (incoming.destroyed) throw new Refusal(400, "The body ended too early: send it again.");
      else if (!(await changesWithin(stallMs, (call) => (wake = call)))) throw stalled(stallMs);
    }
  } finally {
    for (const change of changes) incoming.off(change, onChange);
    signal?.removeEventListener("abort", onChange);
  }
}

// Otherwise the server would wait for the rest of the body.
const stalled = (stallMs: number): Refusal =>
  new Refusal(408, `No data arrived for ${stallMs / 1000} seconds: send the request again.`, { connection: "close" });

/** Whether the function that `listen` receives is called in time. */
function changesWithin(ms: number, listen: (change: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    listen(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Bytes of a body's first buffer; its size doubles as needed. */
const FIRST_BYTES = 64 << 10;

/**
 * Reads a whole body into one buffer.
 *
 * @param budget the memory that all bodies share
 * @throws what {@link piecesOf} throws; Refusal (503) if the budget is used up
 */
export async function readBody(incoming: IncomingMessage, bounds: BodyBounds, budget: Budget): Promise<Body> {
  const most = Math.min(declaredBytes(incoming) ?? bounds.maxBytes, bounds.maxBytes);
  let memory = Buffer.alloc(0);
  let length = 0;
  const grow = (needed: number): void => {
    const size = Math.min(most, Math.max(needed, 2 * memory.length, FIRST_BYTES));
    // Both buffers exist while one is copied to the other.
    if (!budget.take(size)) throw busy("The server is receiving as much as it can hold: try again later.", 1);
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(memory.subarray(0, length));
    budget.give(memory.length);
    memory = larger;
  };
  try {
    for await (const piece of piecesOf(incoming, bounds)) {
      if (length + piece.length > memory.length) grow(length + piece.length);
      memory.set(piece, length);
      length += piece.length;
    }
    return { bytes: memory.subarray(0, length), release: () => budget.give(memory.length) };
  } catch (error) {
    budget.give(memory.length);
    throw error;
  }
}

// Reads the bodies of one server's requests, with the same stall limit, remedy and memory budget for all. Routes decide what a
// body means.
// hono's `bodyLimit` is not used: it knows only the length, neither stalled clients nor the memory of all bodies together.

export interface BodyRules {
  /** The longest wait for the next piece of a body, in milliseconds. */
  readonly stallMs: number;
  /** The memory of all bodies that are read as a whole, in bytes. */
  readonly memoryBytes: number;
  /** What to do about a body that is too long: the end of the error sentence. */
  readonly remedy: string;
}

/** The limits of a single body. */
export interface BodyLimit {
  readonly maxBytes: number;
  /** Ends the reading, which then throws the signal's reason. */
  readonly signal: AbortSignal;
}

/** As in hono's adaptor; no server here speaks HTTP/2. */
type Incoming = IncomingMessage | Http2ServerRequest;

export interface Bodies {
  /** The body piece by piece. Throws what {@link piecesOf} throws. */
  pieces(incoming: Incoming, limit: BodyLimit): AsyncGenerator<Buffer, void>;
  /** Does work with the whole body, whose memory counts until the work is done. Throws what {@link readBody} throws. */
  whole<T>(incoming: Incoming, limit: BodyLimit, use: (bytes: Buffer) => T | Promise<T>): Promise<T>;
}

export function createBodies({ stallMs, memoryBytes, remedy }: BodyRules): Bodies {
  const memory = createBudget(memoryBytes);
  const boundsOf = (limit: BodyLimit): BodyBounds => ({ ...limit, stallMs, remedy });
  return {
    pieces: (incoming, limit) => piecesOf(incoming as IncomingMessage, boundsOf(limit)),
    async whole(incoming, limit, use) {
      const { bytes, release } = await readBody(incoming as IncomingMessage, boundsOf(limit), memory);
      try {
        return await use(bytes);
      } finally {
        release();
      }
    },
  };
}

// Deadlines: a request is worth working on until its client is gone or its time is over. hono's `timeout` is not used: it has
// one limit for everything and lets the work continue. Here, arrival and response have a limit each, and a signal ends the
// work.

/** The client closed its connection before it had a response. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** The body has arrived: the time limit of the response starts. */
  received(): void;
  /** Ends the deadline. */
  done(): void;
}

/**
 * A deadline for one response: `timeoutMs` for the request to arrive, and as much again for the response.
 *
 * @param cutOff ends the request, whatever the time
 */
export function createDeadline(outgoing: ServerResponse, timeoutMs: number, cutOff: AbortSignal): Deadline {
  const controller = new AbortController();
  const end = (): void => controller.abort(cutOff.reason);
  cutOff.addEventListener("abort", end);
  if (cutOff.aborted) end();
  const gone = (): void => {
    if (!outgoing.writableFinished) controller.abort(new ClientGone("The client has gone."));
  };
  outgoing.once("close", gone);
  const within = (reason: () => Error): NodeJS.Timeout => setTimeout(() => controller.abort(reason()), timeoutMs);
  let timer = within(
    () => new Refusal(408, `The request did not arrive within ${timeoutMs / 1000} seconds: send smaller images.`),
  );
  return {
    signal: controller.signal,
    received() {
      clearTimeout(timer);
      timer = within(() => busy(`There was no answer within ${timeoutMs / 1000} seconds: try again later.`, 1));
    },
    done() {
      clearTimeout(timer);
      outgoing.off("close", gone);
      cutOff.removeEventListener("abort", end);
    },
  };
}

/** The result of the work, or the signal's reason if it is aborted first; the work itself continues. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
