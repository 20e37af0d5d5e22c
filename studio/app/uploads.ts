/**
 * Sending files to the project: a few at a time, whatever their number, with what became of each. What is sent is safe at
 * once; what is not is told of before the page closes.
 */
import { computed, signal } from "@preact/signals";
import { type Arranged, arrangementOf, type Placed } from "./arrangement.ts";
import { say } from "./messages.ts";
import { isArchive, type Offer } from "./offers.ts";
import { Refused, server } from "./server.ts";
import { refreshProject, unpacking } from "./state.ts";
import { listed, plural } from "./words.ts";

export interface Failure {
  readonly name: string;
  readonly reason: string;
}

export interface Upload {
  readonly total: number;
  readonly done: number;
  readonly added: number;
  readonly known: number;
  readonly failures: readonly Failure[];
  /** Files a second since the beginning. */
  readonly rate: number;
}

/** The upload under way. */
export const upload = signal<Upload | null>(null);
export const isUploading = computed(() => upload.value !== null);
/** What the last upload could not take. */
export const lastFailures = signal<readonly Failure[]>([]);

/** A picture with its place, or an archive, which the server arranges. */
type Wish = Placed | { readonly archive: File; readonly className: string | undefined };

/** Sent at once; browsers open six connections to a server, and one listens. */
const AT_ONCE = 4;
/** The least time between two looks at the project while pictures come in, in milliseconds. */
const LOOK = 1500;

let queue: Wish[] = [];
let ids: string[] = [];
/** Of the last archive, for undo. */
let lastChange: string | null = null;
let controller = new AbortController();

/** Sends files; loose ones to `className`. What is dropped meanwhile joins the upload under way. */
export async function send(offers: readonly Offer[], className: string | undefined): Promise<void> {
  const archives = offers.filter(isArchive).map(({ file }) => ({ archive: file, className }));
  const others = offers.filter((offer) => !isArchive(offer));
  let arranged: Arranged | undefined;
  try {
    arranged = others.length > 0 ? await arrangementOf(others, className) : { placed: [], skipped: [], notes: [] };
  } catch (error) {
    say.failure(error);
  }
  const { placed = [], skipped = [], notes = [] } = arranged ?? {};
  if (className === undefined && placed.length === 0 && others.some(({ path }) => !path.includes("/")))
    say.failure(new Error("Loose pictures need a class: create or open one, then drop them again."));
  for (const note of notes) say.done(note);
  const wishes = [...placed, ...archives];
  const failures = skipped.map(({ path, reason }) => ({ name: path, reason }));
  if (wishes.length === 0) {
    if (failures.length > 0) lastFailures.value = failures;
    return;
  }
  queue.push(...wishes);
  if (upload.value) {
    const { total, failures: before } = upload.value;
    upload.value = { ...upload.value, total: total + wishes.length, failures: [...before, ...failures] };
    return;
  }
  await sendAll(wishes.length, failures);
}

/** Gives up what has not been sent. */
export function cancelUpload(): void {
  queue = [];
  controller.abort();
}

async function sendAll(total: number, refused: readonly Failure[]): Promise<void> {
  controller = new AbortController();
  [ids, lastChange] = [[], null];
  lastFailures.value = [];
  const began = performance.now();
  upload.value = { total, done: 0, added: 0, known: 0, failures: refused, rate: 0 };
  let nextLook = began + LOOK;
  const look = async (): Promise<void> => {
    const start = performance.now();
    await refreshProject().catch(() => {});
    // The more there is to look through, the rarer the looks.
    nextLook = performance.now() + Math.max(LOOK, 10 * (performance.now() - start));
  };
  const worker = async (): Promise<void> => {
    for (let wish = queue.shift(); wish; wish = queue.shift()) {
      const change = await sendOne(wish);
      const now = upload.value!;
      const done = now.done + 1;
      upload.value = {
        ...now,
        done,
        added: now.added + (change.added ?? 0),
        known: now.known + (change.known ?? 0),
        failures: change.failures ? [...now.failures, ...change.failures] : now.failures,
        rate: (done / (performance.now() - began)) * 1000,
      };
      if (performance.now() > nextLook) {
        nextLook = Number.POSITIVE_INFINITY;
        void look();
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const { added, known, failures } = upload.value!;
  upload.value = null;
  unpacking.value = null;
  lastFailures.value = failures;
  if (ids.length > 0) {
    await server.noteAdded(ids).then(({ change }) => {
      lastChange = change;
    }, say.failure);
  }
  await refreshProject().catch(say.failure);
  const parts = [`${plural(added, "picture")} added`];
  if (known > 0) parts.push(`${known} already here`);
  if (failures.length > 0) parts.push(`${failures.length} not taken`);
  say.done(`${listed(parts)}.`, lastChange);
}

type Change = { readonly added?: number; readonly known?: number; readonly failures?: readonly Failure[] };

async function sendOne(wish: Wish): Promise<Change> {
  const file = "archive" in wish ? wish.archive : wish.file;
  try {
    if ("archive" in wish) {
      const { added, known, skipped, notes, change } = await server.addArchive(file, wish.className, controller.signal);
      lastChange = change;
      for (const note of notes) say.done(note);
      return { added, known, failures: skipped.map(({ path, reason }) => ({ name: path, reason })) };
    }
    const received = await server.add(wish.className, file.name, file, wish.part, controller.signal);
    if (received.kind === "known") return { known: 1 };
    ids.push(received.id);
    return { added: 1 };
  } catch (error) {
    if (controller.signal.aborted) return {};
    // Without a server the rest would fail the same way.
    if (error instanceof Refused && error.status === 0) cancelUpload();
    return { failures: [{ name: file.name, reason: error instanceof Error ? error.message : String(error) }] };
  }
}

window.addEventListener("beforeunload", (event) => {
  if (isUploading.value) event.preventDefault();
});
