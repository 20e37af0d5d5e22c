/**
 * What happens deep inside that a person should hear of, whoever called: a damaged file of the cache that is made again. A
 * program listens on the channel "graft:notice" of `node:diagnostics_channel`; where none does, Node warns on stderr.
 */
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";

const NAME = "graft:notice";
const notices = channel(NAME);

const told = new Set<string>();

/** Tells in one sentence; the same sentence only once. */
export function notice(text: string): void {
  if (told.has(text)) return;
  told.add(text);
  if (notices.hasSubscribers) notices.publish({ text });
  else process.emitWarning(text, "GraftNotice");
}

/** Calls `listener` with every notice, until the function that it returns is called. */
export function onNotice(listener: (text: string) => void): () => void {
  const hear = (message: unknown): void => {
    if (typeof message === "object" && message !== null && "text" in message) listener(String(message.text));
  };
  subscribe(NAME, hear);
  return () => void unsubscribe(NAME, hear);
}
