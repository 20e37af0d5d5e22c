/** Evidence against labels on generated judges: hard data without noise, noise in easy data, and whether probabilities mean what they say. */
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../base/random.ts";
import { type LabelEvidence, weighLabels } from "./evidence.ts";

interface Made {
  readonly evidence: LabelEvidence;
  /** `[N]`: 1 where the label was changed. */
  readonly changed: Uint8Array;
}

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/**
 * Images whose true class a judge's logits tell as well as they say: the class is drawn from softmax(logits). A second judge sees the same
 * logits through noise. `sharpness` spreads the logits: at 2 classes overlap, at 8 they hardly do. `over`: how far logits exaggerate.
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
  const judges = [
    { name: "one", scores: logits.map((value) => over * value) },
    { name: "two", scores: logits.map((value) => value + normal(random)) },
  ];
  const groups = Int32Array.from(labels.keys());
  return { evidence: weighLabels(judges, votes, { labels, classes, groups }, random), changed };
}

/** Of the images named from a probability on: how many, how many were changed, how many were expected to be. */
function tally(
  { evidence: { wrong }, changed }: Made,
  from: number,
): { named: number; right: number; expected: number } {
  const named = [...wrong.keys()].filter((at) => wrong[at]! >= from);
  const sum = (of: ArrayLike<number>): number => named.reduce((all, at) => all + of[at]!, 0);
  return { named: named.length, right: sum(changed), expected: sum(wrong) };
}

describe("evidence against labels", () => {
  it.each([
    [2, 2],
    [5, 2],
    [10, 1.5],
  ])("of %i classes that overlap and have no wrong label, names next to nothing", (classes, sharpness) => {
    let [named, strong, improbable] = [0, 0, 0];
    for (let seed = 1; seed <= 6; seed++) {
      const { evidence } = made(seed, { count: 500, classes, sharpness, noise: 0 });
      named += evidence.wrong.filter((value) => value >= 0.5).length;
      strong += evidence.strong.filter((value) => value === 1).length;
      improbable += evidence.shows.filter((other, at) => evidence.probabilities[at * classes + other]! > 0.9).length;
      expect(evidence.interval[0]).toBe(0);
    }
    expect(strong).toBe(0);
    expect(named).toBeLessThanOrEqual(1);
    // It was put to the test: images do look like another class.
    expect(improbable).toBeGreaterThan(0);
  });

  it("finds wrong labels in classes that are told apart, with strong evidence, and how many there are", () => {
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

  it.each([0.02, 0.05, 0.1])("keeps its word over many datasets with a share of %f wrong labels", (noise) => {
    const sum = { named: 0, right: 0, expected: 0 };
    for (let seed = 1; seed <= 15; seed++) {
      const one = tally(made(seed, { count: 400, classes: 5, sharpness: 4, noise }), 0.5);
      sum.named += one.named;
      sum.right += one.right;
      sum.expected += one.expected;
    }
    expect(sum.named).toBeGreaterThan(20);
    expect(Math.abs(sum.right - sum.expected) / sum.named).toBeLessThan(0.08);
  });

  it("counts copies of one image once", () => {
    const random = createRandom(1);
    const classes = 2;
    const count = 300;
    const labels = Int32Array.from({ length: count }, (_, at) => at % 2);
    // Thirty copies of one image in the wrong class, and nothing else that is odd.
    const scores = Float32Array.from({ length: count * classes }, (_, i) => {
      const at = Math.floor(i / classes);
      const shown = at < 60 && at % 2 === 0 ? 1 : at % 2;
      return i % classes === shown ? 4 + normal(random) : 0;
    });
    const weigh = (groups: Int32Array): LabelEvidence =>
      weighLabels([{ name: "one", scores }], scores, { labels, classes, groups }, random);
    const alone = weigh(Int32Array.from({ length: count }, (_, at) => at));
    const together = weigh(Int32Array.from({ length: count }, (_, at) => (at < 60 && at % 2 === 0 ? 0 : at)));
    expect(alone.rate).toBeGreaterThan(0.07);
    expect(together.rate).toBeLessThan(0.03);
  });
});
