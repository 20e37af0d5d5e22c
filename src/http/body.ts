/**
 * Bodies of requests, read within bounds: their length, the time between two pieces, the memory that all of them hold. What is
 * charged is what is held, not what was received: a body sent in pieces of one byte costs no more than any other.
 */
import type { IncomingMessage } from "node:http";
import type { Budget } from "../base/budget.ts";
import { busy, Refusal } from "./refusal.ts";

export interface BodyBounds {
  readonly maxBytes: number;
  /** The longest wait for the next piece, in milliseconds. */
  readonly stallMs: number;
  /** Ends the reading with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** What to do about a body that is too long: the end of the sentence that refuses it. */
  readonly remedy: string;
}

/** A body in memory; `release` gives its share of the budget back. */
export interface Body {
  readonly bytes: Buffer;
  release(): void;
}

const tooLong = ({ maxBytes, remedy }: BodyBounds): Refusal =>
  new Refusal(413, `The body is longer than ${maxBytes / 1e6} MB: ${remedy}.`);

const declaredBytes = ({ headers }: IncomingMessage): number | undefined =>
  headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);

/** Whether a body says of itself that it is too long. */
export const declaresTooMuch = (incoming: IncomingMessage, maxBytes: number): boolean =>
  (declaredBytes(incoming) ?? 0) > maxBytes;

/**
 * The pieces of a body as they come, joined as far as they are there. On failure the connection stays open, for the answer.
 *
 * @throws Refusal (400, 408, 413, 415); the signal's reason where that is aborted first
 */
export async function* piecesOf(incoming: IncomingMessage, bounds: BodyBounds): AsyncGenerator<Buffer, void> {
  const { maxBytes, stallMs, signal } = bounds;
  if (declaresTooMuch(incoming, maxBytes)) throw tooLong(bounds);
  const coding = incoming.headers["content-encoding"] ?? "identity";
  // Unpacked it could be a thousand times as long, and images are compressed already.
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

// What is left of the body would else be waited for.
const stalled = (stallMs: number): Refusal =>
  new Refusal(408, `No data arrived for ${stallMs / 1000} seconds: send the request again.`, { connection: "close" });

/** Whether the function that is handed to `listen` is called in time. */
function changesWithin(ms: number, listen: (change: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    listen(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** The first piece of memory that a body gets; it doubles as more comes. */
const FIRST_BYTES = 64 << 10;

/**
 * Reads a body to its end into one piece of memory.
 *
 * @param budget the memory that all bodies share
 * @throws what {@link piecesOf} throws; Refusal (503) where the budget is used up
 */
export async function readBody(incoming: IncomingMessage, bounds: BodyBounds, budget: Budget): Promise<Body> {
  const most = Math.min(declaredBytes(incoming) ?? bounds.maxBytes, bounds.maxBytes);
  let memory = Buffer.alloc(0);
  let length = 0;
  const grow = (needed: number): void => {
    const size = Math.min(most, Math.max(needed, 2 * memory.length, FIRST_BYTES));
    // Both are held while one is copied to the other.
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
