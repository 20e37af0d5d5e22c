/** A progress bar. */
import type { JSX } from "preact";

/** @param at the progress in [0, 1]; undefined if it is not known */
export function Bar({ at, label }: { readonly at: number | undefined; readonly label: string }): JSX.Element {
  return at === undefined ? (
    <progress aria-label={label} />
  ) : (
    <progress aria-label={label} value={Math.min(1, Math.max(0, at))} max={1} />
  );
}
