/** The schema that checks a network which a caller passes to the library. */
import * as v from "valibot";
import type { Schema } from "../base/options.ts";
import type { Network } from "./network.ts";

/** Checks the fields that every network has; the usual mistakes are a name, a path or bytes. */
export const networkSchema: Schema<Network> = v.custom<Network>((value) => {
  if (typeof value !== "object" || value === null) return false;
  const { name, sha256, cut, model, preprocessing } = value as Partial<Record<keyof Network, unknown>>;
  return (
    [name, sha256, cut].every((part) => typeof part === "string") &&
    [model, preprocessing].every((part) => typeof part === "object" && part !== null)
  );
}, "a network that openNetwork returned");
