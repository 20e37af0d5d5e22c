/** How far an upload is, while one is under way. */
import type { JSX } from "preact";
import { unpacking } from "../state.ts";
import { cancelUpload, upload } from "../uploads.ts";
import { count, plural, timeLeft } from "../words.ts";
import { Bar } from "./bar.tsx";

export function UploadBar(): JSX.Element | null {
  const now = upload.value;
  if (!now) return null;
  const inside = unpacking.value;
  const { done, total, rate } = now;
  const words = inside
    ? `Unpacking: ${count(inside.done)} of ${plural(inside.total ?? 0, "file")}`
    : `Adding pictures: ${count(done)} of ${count(total)}`;
  const left = inside?.secondsLeft ?? (rate > 0 ? (total - done) / rate : undefined);
  return (
    <section class="upload" aria-label="Upload">
      <p>
        {words}
        {left === undefined || left < 1 ? null : <span class="muted">, {timeLeft(left)} left</span>}
      </p>
      <Bar at={inside ? inside.done / Math.max(1, inside.total ?? 1) : done / total} label={words} />
      <button type="button" class="quiet" onClick={cancelUpload}>
        Stop
      </button>
    </section>
  );
}
