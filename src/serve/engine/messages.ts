/** What the server and its engine threads say to each other. */
import type { FailureKind } from "../../base/errors.ts";
import type { RgbImage } from "../../data/decode.ts";
import type { Elements } from "../../runtime/session.ts";

/** What a model yields for one picture: each output's row, by the output's name. */
export type Outputs = Readonly<Record<string, Elements>>;

/** A version of a model that is open in every thread. */
export type VersionId = number;

/** A failure as it travels between threads; `kind` where it is one that a user may meet. */
export interface Failure {
  readonly message: string;
  readonly kind?: FailureKind;
}

/** What one picture of a batch came to. */
export type Outcome = { readonly outputs: Outputs } | { readonly failure: Failure };

export type Request =
  | { readonly kind: "open"; readonly version: VersionId; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "run"; readonly version: VersionId; readonly images: readonly RgbImage[] }
  | { readonly kind: "close"; readonly version: VersionId }
  | { readonly kind: "stop" };

/** A request under way, and the answer to it: `value` is a list of {@link Outcome} for `run`, else nothing. */
export interface Call {
  readonly call: number;
  readonly request: Request;
}
export interface Reply {
  readonly call: number;
  readonly value?: readonly Outcome[];
  readonly failure?: Failure;
}
