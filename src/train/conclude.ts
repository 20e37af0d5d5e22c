/** What was learned → the result: calibration, evaluation on the test images, what is unknown, the artifact. */

import { createHash } from "node:crypto";
import { backboneParameters, buildArtifact } from "../artifact/build.ts";
import { randomFor } from "../base/random.ts";
import { secondsSince } from "../base/stopwatch.ts";
import { tally } from "../base/tally.ts";
import { graftVersion } from "../base/version.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { datasetDigest } from "../data/digest.ts";
import { inseparableClasses } from "../data/split.ts";
import { calibrate, crossFitted, measureCalibration } from "../evaluate/calibration.ts";
import { evaluatePredictions } from "../evaluate/evaluate.ts";
import { groupedInterval } from "../evaluate/interval.ts";
import { argmax, softmax } from "../evaluate/softmax.ts";
import type { Model } from "../graph/model.ts";
import type { Network } from "../zoo/network.ts";
import type { Extraction } from "./features/extract.ts";
import { countLabels } from "./head/fit.ts";
import type { Learned, Settled } from "./learn.ts";
import type { Part, Parts } from "./parts.ts";
import type { GroupFacts, Judged, Straddling, TrainResult } from "./train-result.ts";
import { fitTrust } from "./trust.ts";

/** Calibrates, judges and builds: from what was learned to the result. */
export async function conclude(
  { options: { dataset, network, seed, signal }, shape, parts, fit }: Settled,
  learned: Learned,
  { groups, ...extraction }: Extraction & { readonly groups: Int32Array },
  before: { readonly extract: number; readonly copies: number },
): Promise<TrainResult> {
  const { head, validation, finetuned } = learned;
  const classes = dataset.classes.length;
  const { labels } = validation.part;
  const calibration = calibrate(validation.logits, labels, classes, validation.foldOf);
  const { temperature } = calibration;
  const counts = countLabels(learned.train.labels, classes);
  const majorityClass = counts.indexOf(Math.max(...counts));
  const judge = (part: Part, logits: Float32Array, probabilities: Float32Array): Judged => {
    const evaluation = evaluatePredictions({
      probabilities,
      labels: part.labels,
      classes: dataset.classes,
      majorityClass,
      groups: part.groups,
    });
    return { examples: part.examples, logits, probabilities, evaluation };
  };
  const validated = judge(
    validation.part,
    validation.logits,
    crossFitted(validation.logits, labels, classes, validation.foldOf),
  );
  const tested = judge(parts.test, learned.testLogits, softmax(learned.testLogits, classes, temperature));
  const fitting = performance.now();
  const { novelty, facts: trust } = await fitTrust({
    network: learned.network,
    shape,
    seed,
    train: learned.train,
    test: parts.test,
    isTuned: learned.network !== network,
    heldOut: learned.heldOut,
    unseen: softmax(learned.unseenLogits, classes, temperature),
    calibration: { probabilities: softmax(validation.logits, classes, temperature), labels },
    testAnswers: { probabilities: tested.probabilities, labels: parts.test.labels },
    signal,
  });
  const uncertainty = secondsSince(fitting);
  signal?.throwIfAborted();
  const artifact = buildArtifact({
    network: learned.network,
    shape,
    head: head.head,
    classes: dataset.classes,
    temperature,
    novelty,
    conformal: trust.conformal,
    tuned: learned.network !== network,
    graftVersion,
  });
  return {
    artifact,
    network,
    shape,
    choice: fit?.choice,
    head,
    calibration: {
      ...calibration,
      test: measureCalibration(
        learned.testLogits,
        parts.test.labels,
        classes,
        temperature,
        randomFor(seed, "calibration"),
      ),
    },
    trust,
    counts: {
      train: learned.train.examples.length,
      validation: validation.source === "cross-validation" ? 0 : validation.part.examples.length,
      test: parts.test.examples.length,
      skipped: extraction.skipped.length,
    },
    validation: { ...validated, source: validation.source },
    test: { ...tested, source: parts.testSource, straddling: straddlingOf(parts, tested.probabilities, classes) },
    groups: groupFacts(dataset, extraction, groups),
    skipped: extraction.skipped,
    datasetDigest: datasetDigest(dataset, extraction.digests),
    frozenUnchanged: isUnchanged(artifact, network, finetuned?.tuned ? finetuned.trained : new Set()),
    timings: {
      decode: extraction.decodeSeconds,
      ...before,
      head: learned.headSeconds,
      finetune: finetuned?.seconds ?? 0,
      uncertainty,
    },
    rates: {
      decode: rate(extraction.computed, extraction.decodeSeconds),
      forward: rate(extraction.computed, extraction.forwardSeconds),
      step: finetuned?.stepRate ?? 0,
    },
    features: { computed: extraction.computed, cached: extraction.cached },
    ...(finetuned ? { finetune: finetuned.facts } : {}),
  };
}

/** How the model does on the test images that training and validation have no copy of. */
function straddlingOf(
  { test, straddling }: Parts,
  probabilities: Float32Array,
  classes: number,
): Straddling | undefined {
  if (straddling.length === 0) return undefined;
  const copies = new Set(straddling);
  const others = [...test.labels.keys()].filter((row) => !copies.has(row));
  if (others.length === 0) return { images: straddling.length, without: undefined };
  const right = Uint8Array.from(others, (row) =>
    argmax(probabilities, row * classes, classes) === test.labels[row] ? 1 : 0,
  );
  const correct = right.reduce((sum, one) => sum + one, 0);
  const interval = groupedInterval(
    right,
    others.map((row) => test.groups[row]!),
  );
  return {
    images: straddling.length,
    without: { examples: others.length, correct, accuracy: correct / others.length, interval },
  };
}

function groupFacts({ examples, classes }: Dataset, { kept }: Extraction, groups: Int32Array): GroupFacts {
  const sizes = tally(groups);
  const several = [...sizes.values()].filter((size) => size > 1);
  const labels = kept.map((item) => examples[item]!.label);
  return {
    count: several.length,
    images: several.reduce((sum, size) => sum + size, 0),
    largest: Math.max(0, ...several),
    inseparable: inseparableClasses(labels, groups).map((label) => classes[label]!),
  };
}

const rate = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0);

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Compares the hash of every parameter in the artifact that was not trained with the network's own. */
function isUnchanged(artifact: Model, network: Network, trained: ReadonlySet<string>): boolean {
  return [...backboneParameters(artifact)].every(([name, bytes]) => {
    if (trained.has(name)) return true;
    const original = network.model.graph.initializers.get(name);
    return original !== undefined && hash(original.bytes) === hash(bytes);
  });
}
