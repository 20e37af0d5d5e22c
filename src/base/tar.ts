/** A tar as it arrives, entry by entry, at the pace of whoever takes them. What is allowed and what is kept is the caller's matter. */
import { once } from "node:events";
import { Parser, type ReadEntry } from "tar";

export type { ReadEntry } from "tar";

export interface TarReader {
  /** Asked when an entry's header is read, before any byte of it; what it throws ends the reading. */
  readonly accept: (entry: ReadEntry) => boolean;
  /** Given each accepted entry, to be read to its end. */
  readonly take: (entry: ReadEntry) => Promise<void>;
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
}

/**
 * Reads a tar, gzipped or not, to its end.
 *
 * @throws what `accept`, `take`, `onChunk` and the source throw, and the errors of `tar` as they are
 */
export async function readTar(source: AsyncIterable<Uint8Array>, { accept, take, onChunk }: TarReader): Promise<void> {
  const takings: Promise<void>[] = [];
  const unfinished = new Set<ReadEntry>();
  const stop = new AbortController();
  const parser = new Parser({
    strict: true,
    filter(_, entry) {
      if (!("remain" in entry)) return false;
      entry.on("error", () => {}); // Reaches whoever reads it; unread, it is no one's concern.
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
  ended.catch(() => {}); // Also thrown below, from wherever the work stands.
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
    // Until the last file is closed its folder cannot be removed everywhere.
    for (const entry of unfinished) entry.destroy(new Error("stopped"));
    await Promise.allSettled(takings);
    throw stop.signal.reason;
  }
}
