/** What the server and its engine threads say to each other. */
import type { Failure } from "../../base/calls.ts";
import type { RgbImage } from "../../data/decode.ts";
import type { Elements } from "../../runtime/session.ts";

/** What a model yields for one picture: each output's row, by the output's name. */
export type Outputs = Readonly<Record<string, Elements>>;

/** A version of a model that is open in every thread. */
export type VersionId = number;

/** What one picture of a batch came to. */
export type Outcome = { readonly outputs: Outputs } | { readonly failure: Failure };

export type Request =
  | { readonly kind: "open"; readonly version: VersionId; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "run"; readonly version: VersionId; readonly images: readonly RgbImage[] }
  | { readonly kind: "close"; readonly version: VersionId }
  | { readonly kind: "stop" };
