/** What a training knows of how far its answers are to be trusted: novelty, conformal sets, and how both fare on the test pictures. */
import type { Novelty, NoveltyRule } from "../artifact/contract.ts";
import { randomFor } from "../base/random.ts";
import {
  type Conformal,
  type CoveragePromise,
  fitConformal,
  promiseOf,
  type SetScores,
  scoreSets,
} from "../evaluate/conformal.ts";
import { type AlarmPromise, alarmPromise } from "../evaluate/novelty.ts";
import type { CutShape } from "../zoo/backbone.ts";
import type { Network } from "../zoo/network.ts";
import type { FeatureCache } from "./features/cache.ts";
import { extractFeatures } from "./features/extract.ts";
import { createRunner } from "./features/runner.ts";
import type { FeatureTable } from "./features/table.ts";
import { BANK_ROWS, fitNovelty, noveltyOf } from "./novelty.ts";
import { type Part, selected } from "./parts.ts";

/** Answers to pictures whose class is known: `probabilities` `[N, C]`, `labels` `[N]`. */
interface Answers {
  readonly probabilities: Float32Array;
  readonly labels: Int32Array;
}

export interface TrustInput {
  readonly network: Network;
  readonly shape: CutShape;
  readonly seed: number;
  readonly train: Part;
  readonly test: Part;
  /** Whether the network was fine-tuned, so that the parts' features are no longer its own. */
  readonly isTuned: boolean;
  /** Of a fine-tuned network: what it was not trained on. */
  readonly heldOut?: Part | undefined;
  /** `[N, C]` probabilities of `heldOut`, or else of `train` out of fold: of what the model was not trained on. */
  readonly unseen: Float32Array;
  /** Answers that sets are calibrated on, and that they are tried on. */
  readonly calibration: Answers;
  readonly testAnswers: Answers;
  readonly signal?: AbortSignal | undefined;
}

/** What a training reports of its uncertainty. */
export interface TrustFacts {
  readonly novelty: NoveltyRule;
  /** What the pictures that the threshold was fitted on let it promise. */
  readonly alarms: AlarmPromise;
  readonly conformal: Conformal;
  /** What the pictures that sets were calibrated on let them promise. */
  readonly promise: CoveragePromise;
  /** On the test pictures, or on `asked` of them: how many were called unknown though they are not. */
  readonly falseAlarms: { readonly asked: number; readonly count: number };
  /** On the test pictures. */
  readonly sets: SetScores;
}

/** Fits novelty and conformal sets. */
export async function fitTrust(input: TrustInput): Promise<{ novelty: Novelty; facts: TrustFacts }> {
  const { seed, calibration: answers, testAnswers } = input;
  const train = await featuresOf(input, input.train);
  const calibration = input.heldOut && (await featuresOf(input, input.heldOut));
  const probabilities = ofRows(input.unseen, (input.heldOut ?? input.train).labels.length, (calibration ?? train).rows);
  const novelty = await fitNovelty({ train, calibration, probabilities }, randomFor(seed, "novelty"));
  const test = await featuresOf(input, input.test);
  const scores = await noveltyOf(
    test.table,
    ofRows(testAnswers.probabilities, testAnswers.labels.length, test.rows),
    novelty,
  );
  const conformal = fitConformal(answers.probabilities, answers.labels);
  return {
    novelty,
    facts: {
      novelty: novelty.rule,
      alarms: alarmPromise(novelty.rule.fittedOn, novelty.rule.falseAlarmRate),
      conformal,
      promise: promiseOf(conformal),
      falseAlarms: { asked: scores.length, count: scores.filter((score) => score > novelty.rule.threshold).length },
      sets: scoreSets(testAnswers.probabilities, testAnswers.labels, conformal),
    },
  };
}

interface Featured {
  readonly table: FeatureTable;
  readonly groups: Int32Array;
  /** The part's row of each. */
  readonly rows: readonly number[];
}

/** Some rows of probabilities `[N, C]`. */
function ofRows(probabilities: Float32Array, count: number, rows: readonly number[]): Float32Array {
  const classes = probabilities.length / count;
  const chosen = new Float32Array(rows.length * classes);
  rows.forEach((row, at) => {
    chosen.set(probabilities.subarray(row * classes, (row + 1) * classes), at * classes);
  });
  return chosen;
}

/** The network's features of a part; of a tuned one, whose features are not known yet, those of as many pictures as fill a bank. */
async function featuresOf({ network, shape, seed, isTuned, signal }: TrustInput, part: Part): Promise<Featured> {
  if (!isTuned) return { ...part, rows: [...part.examples.keys()] };
  const rows = randomFor(seed, "tuned features")
    .shuffle([...part.examples.keys()])
    .slice(0, BANK_ROWS);
  const runner = createRunner(network, shape);
  try {
    const { examples, groups } = selected(part, rows);
    const paths = examples.map(({ path }) => path);
    const { table, kept } = await extractFeatures(paths, memoryCache(shape.features), runner, { signal });
    return { table, groups: Int32Array.from(kept, (item) => groups[item]!), rows: kept.map((item) => rows[item]!) };
  } finally {
    await runner.close();
  }
}

/** Features in memory, for a network that was just made and whose features are not needed again. */
function memoryCache(features: number): FeatureCache {
  const kept: Float32Array[] = [];
  return {
    features,
    find: () => undefined,
    add: (keys, values) =>
      keys.map((_, i) => ({ file: 0, offset: kept.push(values.slice(i * features, (i + 1) * features)) - 1 })),
    read: ({ offset }, into) => into.set(kept[offset]!),
    close: () => {},
  };
}
