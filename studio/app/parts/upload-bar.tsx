/** The progress of the current upload. */
import type { JSX } from "preact";
import { count, plural, timeLeft } from "../format.ts";
import { unpacking } from "../state.ts";
import { cancelUpload, upload } from "../uploads.ts";
import { Bar } from "./bar.tsx";

export function UploadBar(): JSX.Element | null {
  const now = upload.value;
  if (!now) return null;
  const inside = unpacking.value;
  const { done, total, rate } = now;
  const status = inside
    ? `Unpacking: ${count(inside.done)} of ${plural(inside.total ?? 0, "file")}`
    : `Adding images: ${count(done)} of ${count(total)}`;
  const left = inside?.secondsLeft ?? (rate > 0 ? (total - done) / rate : undefined);
  return (
    <section class="upload" aria-label="Upload">
      <p>
        {status}
        {left === undefined || left < 1 ? null : <span class="muted">, {timeLeft(left)} left</span>}
      </p>
      <Bar at={inside ? inside.done / Math.max(1, inside.total ?? 1) : done / total} label={status} />
      <button type="button" class="quiet" onClick={cancelUpload}>
        Stop
      </button>
    </section>
  );
}
