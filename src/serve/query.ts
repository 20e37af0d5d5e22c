/** Settings in an address's query. What is not known is refused, not ignored. */
import * as v from "valibot";
import { GraftError } from "../base/errors.ts";
import { checked, type Door, optionsOf, whole } from "../base/options.ts";
import { shown } from "../base/text.ts";
import { Refusal } from "../http/refusal.ts";

/** How many classes are named a picture when the address does not say, as `graft predict` does. */
export const DEFAULT_TOP = 3;

const door: Door = {
  whole: "The query",
  subject: (path) => `The setting ${path}`,
  option: (path) => path,
};

const predictSettings = optionsOf({ top: v.optional(whole(1, 999_999), DEFAULT_TOP) });

type Query = Readonly<Record<string, string[]>>;

/** Reads `?top=K`. @throws Refusal (400) */
export function topOf(query: Query): number {
  refuseOthers(query, ["top"]);
  const [text, ...more] = query.top ?? [];
  if (more.length > 0) throw new Refusal(400, "The setting top is given more than once: give it once, as in ?top=3.");
  // Digits alone: an address has no other way to write such a number that all clients agree on.
  const top = text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
  try {
    return checked(predictSettings, { top }, door).top;
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    throw new Refusal(400, error.message);
  }
}

/** @throws Refusal (400) where the query has a setting other than the given ones */
export function refuseOthers(query: Query, known: readonly string[]): void {
  const stranger = Object.keys(query).find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const allowed = known.length > 0 ? `: there is ${known.join(", ")}` : "";
  throw new Refusal(400, `There is no setting ${shown(stranger)} here${allowed}.`);
}
