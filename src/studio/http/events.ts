/** Server-sent events: what happens in the studio, to every page that is open. */
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { StudioEvent } from "../api.ts";

export interface Events {
  tell(event: StudioEvent): void;
  /** An answer that goes on until the page leaves. */
  stream(c: Context): Response;
  close(): void;
}

/** Messages that a page which reads too slowly may be behind; beyond, the oldest are dropped. Each tells a whole state. */
const BEHIND = 200;
/** A sign of life, in milliseconds. */
const BEAT = 15_000;

export function createEvents(): Events {
  const listeners = new Set<{ tell(event: StudioEvent): void; end(): void }>();
  return {
    tell(event) {
      for (const listener of listeners) listener.tell(event);
    },
    close() {
      for (const listener of listeners) listener.end();
    },
    stream: (c) =>
      streamSSE(c, async (stream) => {
        const waiting: StudioEvent[] = [];
        let open = true;
        let wake = (): void => {};
        const listener = {
          tell(event: StudioEvent): void {
            waiting.push(event);
            if (waiting.length > BEHIND) waiting.shift();
            wake();
          },
          end(): void {
            open = false;
            wake();
          },
        };
        listeners.add(listener);
        stream.onAbort(listener.end);
        const beat = setInterval(() => void stream.write(": still here\n\n"), BEAT);
        try {
          await stream.write(": hello\n\n");
          while (open) {
            const event = waiting.shift();
            if (event) await stream.writeSSE({ data: JSON.stringify(event) });
            else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          clearInterval(beat);
          listeners.delete(listener);
        }
      }),
  };
}
