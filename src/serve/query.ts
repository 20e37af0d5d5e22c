/** Settings in an address's query. What is not known is refused, not ignored. */
import { Refusal } from "../http/refusal.ts";

/** How many classes are named a picture when the address does not say, as `graft predict` does. */
export const DEFAULT_TOP = 3;

/** Reads `?top=K`. @throws Refusal (400) */
export function topOf(query: Readonly<Record<string, string[]>>): number {
  refuseOthers(query, ["top"]);
  const [text = String(DEFAULT_TOP), ...more] = query.top ?? [];
  if (more.length > 0 || !/^[1-9]\d{0,5}$/.test(text)) {
    throw new Refusal(400, "top takes a whole number from 1, as in ?top=3.");
  }
  return Number(text);
}

/** @throws Refusal (400) where the query has a setting other than the given ones */
export function refuseOthers(query: Readonly<Record<string, string[]>>, known: readonly string[]): void {
  const stranger = Object.keys(query).find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const allowed = known.length > 0 ? `: there is ${known.join(", ")}` : "";
  throw new Refusal(400, `There is no setting ${JSON.stringify(stranger.slice(0, 50))} here${allowed}.`);
}
