/** Short notifications: what was done, what failed. parts/messages.tsx shows them. */
import { signal } from "@preact/signals";

export interface Message {
  readonly id: number;
  readonly kind: "done" | "failure";
  readonly text: string;
  /** The id of the change that the message offers to undo. */
  readonly undo: string | null;
}

export const messages = signal<readonly Message[]>([]);

/** How long a success message stays, in milliseconds. Failures stay until the user closes them. */
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

/** Runs `work` and shows the error if it fails. Returns whether it succeeded. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    say.failure(error);
    return false;
  }
}
