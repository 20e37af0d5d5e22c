/**
 * This browser's session with the studio: the printed link's token becomes a key, which every request carries as a header.
 * It is kept in this origin's storage (no other port can read it) and is worthless without the cookie and after the
 * studio has ended.
 */
import { signal } from "@preact/signals";
import type { Entry } from "../../src/studio/api.ts";

const STORED = "graft-key";

/** Why nothing can be asked, with the remedy; null as long as the studio knows this browser. */
export const locked = signal<string | null>(null);

export const NOT_KNOWN = "The studio does not know this browser: open the link that `graft studio` printed.";

/** The header of every request. */
export const keyHeader = (): Readonly<Record<string, string>> => {
  const key = localStorage.getItem(STORED);
  return key === null ? {} : { "Graft-Key": key };
};

const tokenIn = (fragment: string): string | undefined => /^#token=([0-9a-f]+)$/.exec(fragment)?.[1];

/** Comes in by the link, where the address has its token; else with what is stored. */
export async function enter(): Promise<void> {
  const token = tokenIn(location.hash);
  if (token === undefined) return;
  // Out of the address and the history before anything else.
  history.replaceState(null, "", location.pathname);
  const response = await fetch("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  }).catch(() => undefined);
  // An old link changes nothing for a browser that is in already.
  if (!response?.ok) return;
  const { key } = (await response.json()) as Entry;
  localStorage.setItem(STORED, key);
  locked.value = null;
}

/** Calls `onEntry` when the link is opened in a tab that has the studio open: only the fragment changes then. */
export function onLinkOpened(onEntry: () => void): void {
  window.addEventListener("hashchange", () => {
    if (tokenIn(location.hash) !== undefined) void enter().then(onEntry);
  });
}
