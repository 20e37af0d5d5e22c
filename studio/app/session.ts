/**
 * This browser's session with the studio. It exchanges the token in the printed link for a key, which every request sends as a
 * header. The key is in this origin's storage (no other port can read it) and is useless without the cookie, or after the
 * studio ends.
 */
import { signal } from "@preact/signals";
import type { Entry } from "../../src/studio/api.ts";

const STORED = "graft-key";

/** Why requests are rejected, with the remedy; null while the studio accepts this browser. */
export const locked = signal<string | null>(null);

export const NOT_KNOWN = "This browser has no access to the studio. Please open the link that `graft studio` printed.";

/** The header of every request. */
export const keyHeader = (): Readonly<Record<string, string>> => {
  const key = localStorage.getItem(STORED);
  return key === null ? {} : { "Graft-Key": key };
};

const tokenIn = (fragment: string): string | undefined => /^#token=([0-9a-f]+)$/.exec(fragment)?.[1];

/** Starts a session if the URL has a token; otherwise the stored key is used. */
export async function enter(): Promise<void> {
  const token = tokenIn(location.hash);
  if (token === undefined) return;
  // First of all, remove the token from the URL and the history.
  history.replaceState(null, "", location.pathname);
  const response = await fetch("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  }).catch(() => undefined);
  // An old link does not end the session of a browser that already has one.
  if (!response?.ok) return;
  const { key } = (await response.json()) as Entry;
  localStorage.setItem(STORED, key);
  locked.value = null;
}

/** Calls `onEntry` when the user opens the link in a tab that already shows the studio: only the fragment changes then. */
export function onLinkOpened(onEntry: () => void): void {
  window.addEventListener("hashchange", () => {
    if (tokenIn(location.hash) !== undefined) void enter().then(onEntry);
  });
}
