/**
 * Uploads files to the project, a few at a time, and records the outcome of each. Uploaded files are safe at once. The browser
 * warns before the page closes if files are still waiting.
 */
import { computed, signal } from "@preact/signals";
import { type Arranged, arrangementOf, type Placed } from "./arrangement.ts";
import { listed, plural } from "./format.ts";
import { say } from "./messages.ts";
import { isArchive, type Offer } from "./offers.ts";
import { Refused, server } from "./server.ts";
import { refreshProject, unpacking } from "./state.ts";

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
  /** Files per second since the start. */
  readonly rate: number;
}

/** The current upload. */
export const upload = signal<Upload | null>(null);
export const isUploading = computed(() => upload.value !== null);
/** The files that the last upload rejected. */
export const lastFailures = signal<readonly Failure[]>([]);

/** An image with its class and split, or an archive, which the server arranges. */
type UploadItem = Placed | { readonly archive: File; readonly className: string | undefined };

/** Parallel uploads. Browsers open six connections per server, and one is the event stream. */
const AT_ONCE = 4;
/** The minimum time between two refreshes of the project during an upload, in milliseconds. */
const LOOK = 1500;

let queue: UploadItem[] = [];
let ids: string[] = [];
/** The change of the last archive, for undo. */
let lastChange: string | null = null;
let controller = new AbortController();

/** Uploads files; those without a folder go to `className`. Files that are added in the meantime join the current upload. */
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
    say.failure(new Error("Images without a folder need a class. Create or open a class, then drop them again."));
  for (const note of notes) say.done(note);
  const items = [...placed, ...archives];
  const failures = skipped.map(({ path, reason }) => ({ name: path, reason }));
  if (items.length === 0) {
    if (failures.length > 0) lastFailures.value = failures;
    return;
  }
  queue.push(...items);
  if (upload.value) {
    const { total, failures: before } = upload.value;
    upload.value = { ...upload.value, total: total + items.length, failures: [...before, ...failures] };
    return;
  }
  await sendAll(items.length, failures);
}

/** Cancels the files that have not been uploaded. */
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
    // The longer a refresh takes, the less often it runs.
    nextLook = performance.now() + Math.max(LOOK, 10 * (performance.now() - start));
  };
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item; item = queue.shift()) {
      const change = await sendOne(item);
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
  const parts = [`${plural(added, "image")} added`];
  if (known > 0) parts.push(`${known} already in the project`);
  if (failures.length > 0) parts.push(`${failures.length} rejected`);
  say.done(`${listed(parts)}.`, lastChange);
}

type Change = { readonly added?: number; readonly known?: number; readonly failures?: readonly Failure[] };

async function sendOne(item: UploadItem): Promise<Change> {
  const file = "archive" in item ? item.archive : item.file;
  try {
    if ("archive" in item) {
      const { added, known, skipped, notes, change } = await server.addArchive(file, item.className, controller.signal);
      lastChange = change;
      for (const note of notes) say.done(note);
      return { added, known, failures: skipped.map(({ path, reason }) => ({ name: path, reason })) };
    }
    const received = await server.add(item.className, file.name, file, item.part, controller.signal);
    if (received.kind === "known") return { known: 1 };
    ids.push(received.id);
    return { added: 1 };
  } catch (error) {
    if (controller.signal.aborted) return {};
    // Without a server, the rest would fail in the same way.
    if (error instanceof Refused && error.status === 0) cancelUpload();
    return { failures: [{ name: file.name, reason: error instanceof Error ? error.message : String(error) }] };
  }
}

window.addEventListener("beforeunload", (event) => {
  if (isUploading.value) event.preventDefault();
});
