/** What a network must be to be worked with, for the doors of the library: what `openNetwork` gives, whichever. */
import * as v from "valibot";
import type { Schema } from "../base/options.ts";
import type { Network } from "./network.ts";

/** By what every network has; a name, a path or bytes are the usual mistakes. */
export const networkSchema: Schema<Network> = v.custom<Network>((value) => {
  if (typeof value !== "object" || value === null) return false;
  const { name, sha256, cut, model, preprocessing } = value as Partial<Record<keyof Network, unknown>>;
  return (
    [name, sha256, cut].every((part) => typeof part === "string") &&
    [model, preprocessing].every((part) => typeof part === "object" && part !== null)
  );
}, "a network as openNetwork gives it");
