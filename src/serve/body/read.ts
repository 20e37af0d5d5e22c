/** A request's body → bytes, never more of them than allowed, and never longer than the signal says. */
import type { IncomingMessage } from "node:http";
import type { Room } from "../gate.ts";
import { busy, Refusal } from "../refusal.ts";

/** A body in memory; `release` gives its room back. */
export interface Body {
  readonly bytes: Buffer;
  release(): void;
}

export interface BodyLimits {
  readonly maxBytes: number;
  /** The room that all bodies share. */
  readonly room: Room;
}

const tooLong = (maxBytes: number): Refusal =>
  new Refusal(413, `The body is longer than ${maxBytes / 1e6} MB: send fewer or smaller pictures at once.`);

/** Whether a body says of itself that it is too long. */
export const declaresTooMuch = (incoming: IncomingMessage, maxBytes: number): boolean =>
  Number(incoming.headers["content-length"] ?? 0) > maxBytes;

/**
 * Reads a body to its end.
 *
 * @throws Refusal (413, 415, 503); the signal's reason where that is aborted first
 */
export async function readBody(
  incoming: IncomingMessage,
  { maxBytes, room }: BodyLimits,
  signal: AbortSignal,
): Promise<Body> {
  if (declaresTooMuch(incoming, maxBytes)) throw tooLong(maxBytes);
  const coding = incoming.headers["content-encoding"] ?? "identity";
  // Unpacked it could be a thousand times as long, and pictures are compressed already.
  if (coding !== "identity") throw new Refusal(415, "Compressed bodies are not read: leave Content-Encoding out.");
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    await new Promise<void>((done, fail) => {
      const end = (settle: () => void): void => {
        incoming.off("data", take).off("end", finish).off("error", fail).off("close", cut);
        signal.removeEventListener("abort", stop);
        settle();
      };
      const refuse = (refusal: Refusal): void => end(() => fail(refusal));
      const take = (chunk: Buffer): void => {
        if (length + chunk.length > maxBytes) refuse(tooLong(maxBytes));
        else if (!room.take(chunk.length))
          refuse(busy("The server is receiving as much as it can hold: try again later.", 1));
        else {
          length += chunk.length;
          chunks.push(chunk);
        }
      };
      const finish = (): void => end(done);
      const stop = (): void => end(() => fail(signal.reason));
      const cut = (): void => refuse(new Refusal(400, "The body ended before its time."));
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop);
      incoming.on("data", take).on("end", finish).on("error", fail).on("close", cut);
    });
    return { bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), release: () => room.give(length) };
  } catch (error) {
    room.give(length);
    throw error;
  }
}
