/**
 * Notices for people from deep inside a call, such as a damaged cache file that is made again. A program can listen on the channel
 * "graft:notice" of `node:diagnostics_channel`; without a listener, Node prints a warning on stderr.
 */
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";

const NAME = "graft:notice";
const notices = channel(NAME);

const published = new Set<string>();

/** Publishes one sentence; the same sentence only once per process. */
export function notice(text: string): void {
  if (published.has(text)) return;
  published.add(text);
  if (notices.hasSubscribers) notices.publish({ text });
  else process.emitWarning(text, "GraftNotice");
}

/** Calls `listener` with every notice until the returned function is called. */
export function onNotice(listener: (text: string) => void): () => void {
  const hear = (message: unknown): void => {
    if (typeof message === "object" && message !== null && "text" in message) listener(String(message.text));
  };
  subscribe(NAME, hear);
  return () => void unsubscribe(NAME, hear);
}
