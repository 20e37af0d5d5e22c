/**
 * Audits a dataset: gathers what the checks read (features, traits, cross-validated predictions, neighbours, copies) and runs them.
 * After a training everything except the predictions comes from the cache. Moving images is in quarantine.ts.
 */

import { dirname, relative, sep } from "node:path";
import * as v from "valibot";
import { dataError } from "../base/errors.ts";
import {
  callOf,
  checked,
  type Described,
  listenerEntries,
  listOf,
  oneOf,
  optionsOf,
  seed,
} from "../base/option-schemas.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { createRandom } from "../base/random.ts";
import { inSentences } from "../base/system-errors.ts";
import { findCopies } from "../data/copies/find-copies.ts";
import { datasetSchema } from "../data/dataset/dataset.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import { type Network, networkSchema } from "../networks/network.ts";
import { openFeaturesOf } from "../train/features/feature-cache.ts";
import { type Extraction, extractFeatures, type Skipped } from "../train/features/image-files.ts";
import { knownCopies } from "../train/features/known-copies.ts";
import { openTraitCache } from "../train/features/trait-cache.ts";
import { countLabels } from "../train/head/fit.ts";
import { openBackbone } from "../train/node.ts";
import type { AuditedImage, Check, Finding, Subject } from "./check.ts";
import { conflictingCopies, copies, leaks } from "./checks/duplicate-checks.ts";
import { offTopic, quality, unreadable } from "./checks/image-checks.ts";
import { confusable, imbalance, labelErrors } from "./checks/label-checks.ts";
import { shortcuts } from "./checks/shortcut-checks.ts";
import { type LabelNoise, labelEvidence, labelNoise } from "./labels/label-evidence.ts";
import { scoreLabels } from "./labels/label-scorers.ts";

export interface Audit {
  readonly findings: readonly Finding[];
  /** Images that were audited. */
  readonly pictures: number;
  /** Files that could not be read. */
  readonly skipped: readonly Skipped[];
  /** The estimated number of wrong labels. */
  readonly labels: LabelNoise;
  /** Pairs of images that were compared in the search for copies, and images that served as neighbours. */
  readonly effort: { readonly compared: number; readonly references: number };
}

/**
 * Audits a dataset.
 *
 * @throws GraftError (`usage`) if an option is invalid, (`data`) if fewer than two classes have two readable images; the signal's reason
 *   if it was aborted
 */
export const audit = async (options: AuditOptions): Promise<Audit> =>
  inSentences(() => auditChecked(checkedAuditOptions(options)));

async function auditChecked(options: CheckedAuditOptions): Promise<Audit> {
  const { only, signal } = options;
  signal?.throwIfAborted();
  const subject = await gather(options);
  signal?.throwIfAborted();
  const wanted = only ? checks.filter(({ name }) => only.includes(name)) : checks;
  return {
    findings: wanted.flatMap((check) => check.find(subject)),
    pictures: subject.images.length,
    skipped: subject.unreadable.map(({ path, reason }) => ({ path, reason })),
    labels: labelNoise(subject.evidence),
    effort: { compared: subject.copies.compared, references: subject.neighbours.references },
  };
}

/** Gathers everything that the checks read. */
async function gather(options: CheckedAuditOptions): Promise<Subject> {
  const { dataset, network, seed, onProgress, signal } = options;
  const random = createRandom(seed);
  const { shape, cache } = await openFeaturesOf(network);
  const traits = await openTraitCache();
  const runner = openBackbone(network, shape);
  const listeners = { onProgress, signal };
  try {
    const paths = dataset.examples.map(({ path }) => path);
    const extraction = await extractFeatures(paths, cache, runner, { ...listeners, traits });
    const images = await imagesOf(dataset, extraction, traits, listeners);
    const labels = Int32Array.from(images, ({ label }) => label);
    checkLearnable(labels, dataset.classes);
    const copying = createMeter({ stage: "Looking for copies", unit: "images", total: images.length, onProgress });
    const copies = await findCopies(
      images.map(({ sha256: digest, traits: { signature } }) => ({ digest, signature })),
      { known: knownCopies, onImages: (more) => copying.add(more), signal },
    );
    const groups = Int32Array.from(images.keys());
    for (const group of copies.groups) for (const at of group) groups[at] = group[0]!;
    const { table } = extraction;
    const labelled = { labels, classes: dataset.classes.length, groups };
    const digests = extraction.kept.map((item) => extraction.digests.get(item)!);
    const own = { name: network.name, table };
    const { scorers, neighbours, votes } = await scoreLabels(own, digests, labelled, random, listeners);
    return {
      classes: dataset.classes,
      images,
      unreadable: unreadableOf(dataset, extraction),
      evidence: labelEvidence(scorers, votes, labelled, random),
      neighbours,
      copies,
      groups,
    };
  } finally {
    await runner.close();
    traits.close();
    cache.close();
  }
}

async function imagesOf(
  dataset: Dataset,
  { kept, digests }: Extraction,
  traits: Awaited<ReturnType<typeof openTraitCache>>,
  listeners: Pick<AuditOptions, "onProgress" | "signal">,
): Promise<AuditedImage[]> {
  const examples = kept.map((item) => dataset.examples[item]!);
  const files = examples.map(({ path }, row) => ({ path, sha256: digests.get(kept[row]!)! }));
  const measured = await traits.traitsOf(files, listeners);
  return examples.map((example, row) => ({
    path: example.path,
    name: relative(dataset.root, example.path).split(sep).join("/"),
    subfolder: subfolderOf(dataset, example),
    label: example.label,
    split: example.split,
    sha256: files[row]!.sha256.toString("hex"),
    traits: measured[row]!,
  }));
}

/** The folders between the class's folder and the image. */
function subfolderOf({ shelves = [] }: Dataset, { path }: Example): string | undefined {
  // The longest is the closest: train/ is inside the dataset's folder too.
  const [shelf] = shelves.filter((one) => path.startsWith(one + sep)).sort((a, b) => b.length - a.length);
  if (shelf === undefined) return undefined;
  return dirname(relative(shelf, path)).split(sep).slice(1).join("/");
}

function unreadableOf({ examples }: Dataset, { skipped }: Extraction): Subject["unreadable"] {
  const byPath = new Map(examples.map((example) => [example.path, example]));
  return skipped.map(({ path, reason }) => {
    const { label, split } = byPath.get(path)!;
    return { path, reason, label, split };
  });
}

function checkLearnable(labels: Int32Array, classes: readonly string[]): void {
  const counts = countLabels(labels, classes.length);
  const poor = counts.findIndex((count) => count < 2);
  if (poor >= 0)
    throw dataError(
      `The class "${classes[poor]}" has ${counts[poor]} readable image${counts[poor] === 1 ? "" : "s"}: add at least ${2 - counts[poor]!} more.`,
    );
}

/** All checks, in the order in which their findings are reported: what invalidates the test first. */

export const checks: readonly Check[] = [
  leaks,
  shortcuts,
  conflictingCopies,
  labelErrors,
  offTopic,
  confusable,
  imbalance,
  copies,
  ...quality,
  unreadable,
];

// The options of `audit`.

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
