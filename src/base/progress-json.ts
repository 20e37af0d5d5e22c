/**
 * Progress for another program: one JSON object a line, amid lines of plain text, which are words for people.
 * Both ends of it: how lines are written, and how they are told apart again.
 */
import type { EpochEvent, Progress } from "./progress.ts";
import type { ProgressLine } from "./progress-line.ts";

/** What a line says. */
export type ProgressEvent =
  | { readonly event: "progress"; readonly progress: Progress }
  | { readonly event: "epoch"; readonly epoch: EpochEvent }
  | { readonly event: "text"; readonly text: string };

/** The least time between two lines of one stage, in milliseconds. */
const PATIENCE = 200;

/** A {@link ProgressLine} that writes JSON: the first and last state of each stage, and one now and then between. */
export function createProgressJson(
  write: (line: string) => unknown = (line) => process.stderr.write(line),
  now: () => number = () => performance.now(),
): ProgressLine & { readonly epoch: (epoch: EpochEvent) => void } {
  let latest: Progress | undefined;
  let written: Progress | undefined;
  let since = 0;
  const line = (event: ProgressEvent): unknown => write(`${JSON.stringify(event)}\n`);
  const tell = (progress: Progress): void => {
    line({ event: "progress", progress });
    written = progress;
    since = now();
  };
  const end = (): void => {
    if (latest && latest !== written) tell(latest);
    latest = undefined;
  };
  return {
    end,
    clear() {},
    show(progress) {
      const begins = latest?.stage !== progress.stage;
      if (begins) end();
      latest = progress;
      if (begins || now() - since >= PATIENCE) tell(progress);
    },
    epoch: ({ epoch, loss, validationAccuracy }) =>
      line({ event: "epoch", epoch: { epoch, loss, validationAccuracy } }),
  };
}

/** What a line says; one that is no event of ours is text. */
export function readProgressEvent(line: string): ProgressEvent {
  if (line.startsWith('{"event":')) {
    try {
      const value = JSON.parse(line) as ProgressEvent;
      if (value.event === "progress" || value.event === "epoch") return value;
    } catch {
      // A line that was cut off by a crash.
    }
  }
  return { event: "text", text: line };
}
