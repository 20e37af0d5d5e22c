/**
 * Evidence against labels from generated scorers: hard data without noise, noise in easy data, and the calibration of the probabilities.
 */
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../base/random.ts";
import { type LabelEvidence, labelEvidence } from "./label-evidence.ts";

interface Made {
  readonly evidence: LabelEvidence;
  /** `[N]`: 1 where the label was changed. */
  readonly changed: Uint8Array;
}

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/**
 * Images whose true class is drawn from the softmax of a scorer's logits, so that these are calibrated. A second scorer sees the same
 * logits with noise. `sharpness` spreads the logits: at 2 classes overlap, at 8 they hardly do. `over`: the overconfidence of the logits.
 */
function made(
  seed: number,
  given: { count: number; classes: number; sharpness: number; noise: number; over?: number },
): Made {
  const { count, classes, sharpness, noise, over = 2 } = given;
  const random = createRandom(seed);
  const logits = Float32Array.from({ length: count * classes }, () => sharpness * normal(random));
  const changed = new Uint8Array(count);
  const votes = new Float32Array(count * classes);
  const labels = Int32Array.from({ length: count }, (_, at) => {
    const row = logits.subarray(at * classes, (at + 1) * classes);
    const top = Math.max(...row);
    const odds = Array.from(row, (value) => Math.exp(value - top));
    const total = odds.reduce((sum, value) => sum + value, 0);
    odds.forEach((value, c) => {
      votes[at * classes + c] = value / total;
    });
    let draw = random.next() * total;
    let label = 0;
    while (label < classes - 1 && draw >= odds[label]!) draw -= odds[label++]!;
    if (random.next() >= noise) return label;
    changed[at] = 1;
    return (label + 1 + random.below(classes - 1)) % classes;
  });
  const scorers = [
    { name: "one", scores: logits.map((value) => over * value) },
    { name: "two", scores: logits.map((value) => value + normal(random)) },
  ];
  const groups = Int32Array.from(labels.keys());
  return { evidence: labelEvidence(scorers, votes, { labels, classes, groups }, random), changed };
}

/** The images reported from a probability on: how many, how many were changed, how many were expected to be. */
function tally(
  { evidence: { wrong }, changed }: Made,
  from: number,
): { reported: number; right: number; expected: number } {
  const reported = [...wrong.keys()].filter((at) => wrong[at]! >= from);
  const sum = (of: ArrayLike<number>): number => reported.reduce((all, at) => all + of[at]!, 0);
  return { reported: reported.length, right: sum(changed), expected: sum(wrong) };
}

describe("evidence against labels", () => {
  it.each([
    [2, 2],
    [5, 2],
    [10, 1.5],
  ])("of %i classes that overlap and have no wrong label, reports hardly any image", (classes, sharpness) => {
    let [reported, strong, improbable] = [0, 0, 0];
    for (let seed = 1; seed <= 6; seed++) {
      const { evidence } = made(seed, { count: 500, classes, sharpness, noise: 0 });
      reported += evidence.wrong.filter((value) => value >= 0.5).length;
      strong += evidence.strong.filter((value) => value === 1).length;
      improbable += evidence.shows.filter((other, at) => evidence.probabilities[at * classes + other]! > 0.9).length;
      expect(evidence.interval[0]).toBe(0);
    }
    expect(strong).toBe(0);
    expect(reported).toBeLessThanOrEqual(1);
    // The data is hard enough: some images do look like another class.
    expect(improbable).toBeGreaterThan(0);
  });

  it("finds wrong labels of separable classes, with strong evidence, and how many there are", () => {
    for (const seed of [1, 2, 3]) {
      const all = made(seed, { count: 600, classes: 4, sharpness: 9, noise: 0.05 });
      const { strong, rate, interval } = all.evidence;
      const changed = all.changed.reduce((sum, value) => sum + value, 0);
      const found = strong.filter((value, at) => value === 1 && all.changed[at] === 1).length;
      expect(found / changed).toBeGreaterThanOrEqual(0.6);
      expect(found / strong.filter((value) => value === 1).length).toBeGreaterThanOrEqual(0.95);
      expect(Math.abs(rate - changed / 600)).toBeLessThan(0.015);
      expect(interval[0]).toBeLessThanOrEqual(changed / 600);
      expect(interval[1]).toBeGreaterThanOrEqual(changed / 600);
    }
  });

  it.each([0.02, 0.05, 0.1])("is calibrated over many datasets with a share of %f wrong labels", (noise) => {
    const sum = { reported: 0, right: 0, expected: 0 };
    for (let seed = 1; seed <= 15; seed++) {
      const one = tally(made(seed, { count: 400, classes: 5, sharpness: 4, noise }), 0.5);
      sum.reported += one.reported;
      sum.right += one.right;
      sum.expected += one.expected;
    }
    expect(sum.reported).toBeGreaterThan(20);
    expect(Math.abs(sum.right - sum.expected) / sum.reported).toBeLessThan(0.08);
  });

  it("counts copies of one image once", () => {
    const random = createRandom(1);
    const classes = 2;
    const count = 300;
    const labels = Int32Array.from({ length: count }, (_, at) => at % 2);
    // Thirty copies of one image in the wrong class, and no other fault.
    const scores = Float32Array.from({ length: count * classes }, (_, i) => {
      const at = Math.floor(i / classes);
      const shown = at < 60 && at % 2 === 0 ? 1 : at % 2;
      return i % classes === shown ? 4 + normal(random) : 0;
    });
    const evidenceOf = (groups: Int32Array): LabelEvidence =>
      labelEvidence([{ name: "one", scores }], scores, { labels, classes, groups }, random);
    const alone = evidenceOf(Int32Array.from({ length: count }, (_, at) => at));
    const together = evidenceOf(Int32Array.from({ length: count }, (_, at) => (at < 60 && at % 2 === 0 ? 0 : at)));
    expect(alone.rate).toBeGreaterThan(0.07);
    expect(together.rate).toBeLessThan(0.03);
  });
});
