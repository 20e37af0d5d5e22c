/** A bar of progress. */
import type { JSX } from "preact";

/** @param at how much is done, in [0, 1]; undefined where that is not known */
export function Bar({ at, label }: { readonly at: number | undefined; readonly label: string }): JSX.Element {
  return at === undefined ? (
    <progress aria-label={label} />
  ) : (
    <progress aria-label={label} value={Math.min(1, Math.max(0, at))} max={1} />
  );
}
