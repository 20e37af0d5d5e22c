/** Reads the server's events as they arrive. Uses `fetch`, because an `EventSource` cannot send the session's key. */
import type { StudioEvent } from "../../src/studio/api.ts";
import { keyHeader } from "./session.ts";

/** Milliseconds before it connects again. */
const PAUSE = 1000;

export interface Listener {
  onOpen(): void;
  /** The HTTP status of the error response; 0 if there is no response. */
  onLost(status: number): void;
  onEvent(event: StudioEvent): void;
}

/** Listens until the page closes, and reconnects whenever the connection is lost. */
export async function listen(listener: Listener): Promise<never> {
  for (;;) {
    let status = 0;
    try {
      const response = await fetch("/api/events", { headers: { ...keyHeader(), Accept: "text/event-stream" } });
      if (response.ok && response.body) {
        listener.onOpen();
        await readAll(response.body, listener.onEvent);
      } else status = response.status;
    } catch {
      // The connection is lost: reported and retried below.
    }
    listener.onLost(status);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

async function readAll(body: ReadableStream<Uint8Array>, onEvent: Listener["onEvent"]): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (rest + value).split("\n\n");
    rest = messages.pop()!;
    for (const message of messages) {
      // The server writes each event as one line of data; other lines only keep the connection alive.
      if (message.startsWith("data: ")) onEvent(JSON.parse(message.slice(6)) as StudioEvent);
    }
  }
}
