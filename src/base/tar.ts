/** Reads a tar stream entry by entry, as fast as the caller consumes it. The caller decides what is allowed and what is kept. */
import { once } from "node:events";
import { Parser, type ReadEntry } from "tar";

export type { ReadEntry } from "tar";

export interface TarReader {
  /** Called with each entry's header, before its content; an error that it throws ends the reading. */
  readonly accept: (entry: ReadEntry) => boolean;
  /** Called with each accepted entry; must read it to its end. */
  readonly take: (entry: ReadEntry) => Promise<void>;
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
}

/**
 * Reads a tar, gzipped or not, to its end.
 *
 * @throws whatever `accept`, `take`, `onChunk` and the source throw, and the errors of `tar`
 */
export async function readTar(source: AsyncIterable<Uint8Array>, { accept, take, onChunk }: TarReader): Promise<void> {
  const takings: Promise<void>[] = [];
  const unfinished = new Set<ReadEntry>();
  const stop = new AbortController();
  const parser = new Parser({
    strict: true,
    filter(_, entry) {
      if (!("remain" in entry)) return false;
      entry.on("error", () => {}); // Reported to the reader of the entry; without one it does not matter.
      try {
        return !stop.signal.aborted && accept(entry);
      } catch (error) {
        stop.abort(error);
        return false;
      }
    },
    onReadEntry(entry) {
      unfinished.add(entry);
      const taking = take(entry).finally(() => unfinished.delete(entry));
      taking.catch((error: unknown) => stop.abort(error));
      takings.push(taking);
    },
  });
  parser.on("error", (error: unknown) => stop.abort(error));
  const ended = once(parser, "end", { signal: stop.signal });
  ended.catch(() => {}); // Also thrown below.
  try {
    for await (const chunk of source) {
      onChunk?.(chunk);
      if (!parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))) {
        stop.signal.throwIfAborted();
        await once(parser, "drain", { signal: stop.signal });
      }
      stop.signal.throwIfAborted();
    }
    parser.end();
    await ended;
    await Promise.all(takings);
  } catch (error) {
    stop.abort(error);
    // Some systems cannot remove a folder while a file in it is open.
    for (const entry of unfinished) entry.destroy(new Error("stopped"));
    await Promise.allSettled(takings);
    throw stop.signal.reason;
  }
}
