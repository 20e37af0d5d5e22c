/** The server's events, read as they come. An `EventSource` could not send the session's key. */
import type { StudioEvent } from "../../src/studio/api.ts";
import { keyHeader } from "./session.ts";

/** Milliseconds until the next try. */
const PAUSE = 1000;

export interface Listener {
  onOpen(): void;
  /** The status of the refusal; 0 where nothing answers. */
  onLost(status: number): void;
  onEvent(event: StudioEvent): void;
}

/** Listens until the page is left, and tries again whenever the connection is lost. */
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
      // Lost: said below, and tried again.
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
      // Our server writes each event as one line of data; other lines are signs of life.
      if (message.startsWith("data: ")) onEvent(JSON.parse(message.slice(6)) as StudioEvent);
    }
  }
}
