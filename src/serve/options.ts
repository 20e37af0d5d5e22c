/** The options of a server, each described once. */
import * as v from "valibot";
import { above, type Described, listOf, text, whole } from "../base/options.ts";
import type { Limits } from "./limits.ts";

/** Node's timers count no further: a longer one would go off at once. */
const MOST_MS = 2 ** 31 - 1;

/** A time of which none is meant too. */
const time = (most: number) => {
  const wanted = `a time from 0 to ${most} ms`;
  return v.pipe(
    v.number(wanted),
    v.check((value) => value >= 0 && value <= most, wanted),
  );
};

/** How long ending may take. */
export const graceMs = time(MOST_MS);

export const port = whole(0, 65_535);
export const host = text("an address of this machine");
export const hostNames = listOf(text("a host's name"));

const ORIGIN = "an origin (a scheme and a name, no path, as https://example.org)";
export const origins = listOf(
  v.pipe(
    text(ORIGIN),
    v.check((value) => URL.canParse(value) && new URL(value).origin === value, ORIGIN),
  ),
);

/** What a server takes on, see limits.ts. */
export const limitEntries = {
  maxBodyBytes: above(0, 2 ** 31),
  maxPixels: above(0, 1e9),
  maxDecodeBytes: above(0, 2 ** 40),
  maxImages: whole(1, 10_000),
  maxQueue: whole(1, 1_000_000),
  maxBatch: whole(1, 1024),
  maxWaitMs: time(MOST_MS),
  timeoutMs: above(0, MOST_MS),
} satisfies Described<Limits>;
