/** The options of `audit`: types, schema and defaults. */
import * as v from "valibot";
import { callOf, checked, type Described, listenerEntries, listOf, oneOf, optionsOf, seed } from "../base/options.ts";
import type { OnProgress } from "../base/progress.ts";
import { datasetSchema } from "../data/dataset/dataset-schema.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import type { Network } from "../zoo/network.ts";
import { networkSchema } from "../zoo/network-schema.ts";
import { checks } from "./checks/registry.ts";

export interface AuditOptions {
  readonly dataset: Dataset;
  /** The network whose features are compared. */
  readonly network: Network;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Names of the checks to run; default all. */
  readonly only?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Aborts the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Names of checks, at least one. */
export const only = v.pipe(
  listOf(oneOf(checks.map(({ name }) => name))),
  v.check(({ length }) => length > 0, "a list with one check at least"),
);

const schema = optionsOf({
  dataset: datasetSchema,
  network: networkSchema,
  seed: v.optional(seed, 0),
  only: v.optional(only),
  onProgress: listenerEntries.onProgress,
  signal: listenerEntries.signal,
} satisfies Described<AuditOptions>);

/** Options with their defaults. */
export type CheckedAuditOptions = v.InferOutput<typeof schema>;

/** @throws GraftError (`usage`) */
export const checkedAuditOptions = (options: AuditOptions): CheckedAuditOptions =>
  checked(schema, options, callOf("audit"));
