/** Short words to the visitor: what was done, what failed. Shown by parts/messages.tsx. */
import { signal } from "@preact/signals";

export interface Message {
  readonly id: number;
  readonly kind: "done" | "failure";
  readonly text: string;
  /** The change that it offers to take back. */
  readonly undo: string | null;
}

export const messages = signal<readonly Message[]>([]);

/** How long a word of what was done stays, in milliseconds; failures stay until they are closed. */
const STAY = 7000;
let count = 0;

function add(kind: Message["kind"], text: string, undo: string | null = null): void {
  const id = ++count;
  messages.value = [...messages.value.filter((other) => other.text !== text), { id, kind, text, undo }].slice(-3);
  if (kind === "done") setTimeout(() => forget(id), STAY);
}

export const forget = (id: number): void => {
  messages.value = messages.value.filter((message) => message.id !== id);
};

export const say = {
  done: (text: string, undo: string | null = null): void => add("done", text, undo),
  failure: (error: unknown): void => add("failure", error instanceof Error ? error.message : String(error)),
};

/** Does something and says what failed, if it did. Yields whether it was done. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    say.failure(error);
    return false;
  }
}
