import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../base/random.ts";
import type { Cut } from "../../networks/backbone/backbone.ts";
import { fitHead } from "../head/fit.ts";
import { type ChooseInput, chooseFeatures } from "./choose-features.ts";
import { type RowTable, tableOf } from "./feature-table.ts";

const ROWS = 120;
const WIDTH = 4;

/** Features of which each value is its class's plus noise; `strength` 0 says nothing of the class. */
const features = (random: Random, strength: number): ((row: number) => Float32Array) => {
  const rows = Array.from({ length: ROWS }, (_, row) =>
    Float32Array.from({ length: WIDTH }, () => strength * (row % 2) + random.next() + random.next()),
  );
  return (row) => rows[row]!;
};

const sideBySide = (blocks: readonly ((row: number) => Float32Array)[]): RowTable =>
  tableOf(ROWS, blocks.length * WIDTH, (row, into) => {
    blocks.forEach((block, i) => {
      into.set(block(row), i * WIDTH);
    });
  });

const cut = (tensor: string): Cut => ({ tensor, shape: { pooling: "none", features: WIDTH } });

interface Case {
  /** How much the features of each cut say of the class, the network's own first; then of the mirror images, where there are such. */
  readonly strengths: readonly number[];
  readonly mirrors?: readonly number[];
  readonly groups?: Int32Array;
}

function inputOf({ strengths, mirrors = [], groups }: Case): ChooseInput & { readonly fits: RowTable[] } {
  const random = createRandom(11);
  const labels = Int32Array.from({ length: ROWS }, (_, row) => row % 2);
  const own = groups ?? Int32Array.from(labels.keys());
  const fits: RowTable[] = [];
  const folds = createRandom(5);
  return {
    readings: { cuts: strengths.map((_, i) => cut(`cut${i}`)), mirrors: mirrors.length > 0 },
    table: sideBySide([...strengths, ...mirrors].map((strength) => features(random, strength))),
    labels,
    groups: own,
    classes: 2,
    effort: mirrors.length > 0 ? "better" : "quick",
    fits,
    fit: (table, how) => {
      fits.push(table);
      return fitHead(table, labels, 2, folds, { ...how, groups: own });
    },
  };
}

describe("chooseFeatures", () => {
  it("chooses the cut whose features predict the label, with a head whose penalty was searched on the same folds", async () => {
    const input = inputOf({ strengths: [0.2, 0.1, 1.5] });
    const { cut: taken, head, choice } = await chooseFeatures(input);
    expect(taken.tensor).toBe("cut2");
    expect(choice).toMatchObject({ effort: "quick", cut: "cut2", views: "plain" });
    expect(choice.tried.map((trial) => trial.cut)).toEqual(["cut0", "cut1", "cut2"]);
    const [own, , best] = choice.tried;
    expect(own).toMatchObject({ gain: null, standardError: null, features: WIDTH });
    expect(best!.gain!).toBeGreaterThan(best!.standardError!);
    expect(best!.accuracy).toBeGreaterThan(own!.accuracy);
    // The best of those that were tried is not at an end of them, where a better one might be further out.
    const at = head.tried.findIndex(({ l2 }) => l2 === head.l2);
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(head.tried.length - 1);
    expect(head.head.weights).toHaveLength(2 * WIDTH);
    expect(input.fits).toHaveLength(3);
  });

  it("keeps the network's own cut unless another is better by more than its standard error, and fits nothing twice", async () => {
    const input = inputOf({ strengths: [1, 1, 0] });
    const { cut: taken, choice } = await chooseFeatures(input);
    expect(taken.tensor).toBe("cut0");
    expect(choice.tried).toHaveLength(3);
    expect(input.fits).toHaveLength(3);
  });

  it("averages over mirrored views if that lowers the loss", async () => {
    const { cut: taken, head, choice } = await chooseFeatures(inputOf({ strengths: [0.7, 0], mirrors: [0.7, 0] }));
    expect(taken).toMatchObject({ tensor: "cut0", shape: { views: "mirrored" } });
    expect(choice).toMatchObject({ effort: "better", cut: "cut0", views: "mirrored" });
    expect(choice.tried.map(({ cut: tensor, views }) => `${tensor} ${views}`)).toEqual([
      "cut0 plain",
      "cut1 plain",
      "cut0 mirrored",
    ]);
    expect(head.head.weights).toHaveLength(2 * WIDTH);
  });

  it("tries mirrored views of the chosen cut, and rejects them if mirror images show the opposite", async () => {
    const { cut: taken, choice } = await chooseFeatures(inputOf({ strengths: [0, 1], mirrors: [0, -1] }));
    expect(taken.tensor).toBe("cut1");
    expect(choice).toMatchObject({ cut: "cut1", views: "plain" });
    expect(choice.tried.at(-1)).toMatchObject({ cut: "cut1", views: "mirrored" });
    expect(choice.tried.at(-1)!.gain!).toBeLessThan(0);
  });

  it("counts images of one group once", async () => {
    // Each pair of rows with the same class is a group.
    const groups = Int32Array.from({ length: ROWS }, (_, row) => 2 * Math.floor(row / 4) + (row % 2));
    const alone = (await chooseFeatures(inputOf({ strengths: [0.4, 0.8] }))).choice.tried[1]!;
    const together = (await chooseFeatures(inputOf({ strengths: [0.4, 0.8], groups }))).choice.tried[1]!;
    expect(together.standardError!).toBeGreaterThan(alone.standardError!);
  });
});
