import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import type { Comparison } from "../advise/compare/comparison.ts";
import type { RankedCandidate, Recommendation } from "../advise/recommend/recommendation.ts";
import { renderComparison } from "./comparison-page.ts";
import { renderRecommendation } from "./recommendation-page.ts";

const page = { dataset: "<photos>", createdAt: "2026-11-25T12:00:00Z", versions: { graft: "0.1.0" } };

const candidate = (name: string, accuracy: number, latencyMs: number): RankedCandidate => ({
  ...{ name, description: "A network.", licence: "MIT", accuracy, interval: [accuracy - 0.05, accuracy + 0.05] },
  ...{ pictures: 400, isTied: true, behind: 0, features: 2048, logLoss: 0.4, trainSeconds: 30, isOnFront: true },
  scores: { logme: 0.1, hScore: 3, knn: 0.8, rows: 400 },
  cost: {
    ...{ latencyMs, p95LatencyMs: 2 * latencyMs, memoryBytes: 2e8, imagesPerSecond: 40, overallPerSecond: 30 },
    ...{ known: "measured", sizeBytes: 9e7 },
  },
});

const recommendation: Recommendation = {
  ...{
    recommended: "resnet50",
    reason: "resnet50 is the most accurate.",
    candidates: [candidate("resnet50", 0.9, 25), candidate("small", 0.85, 4)],
  },
  ...{ leftOut: [{ name: "vgg16", reason: "it is not on this disk" }], baseline: { class: "a & b", accuracy: 0.5 } },
  ...{
    classes: ["a & b", "c"],
    pictures: { available: 400, judged: 400 },
    keptForTest: 100,
    skipped: [],
    gap: undefined,
  },
  ...{ budgetSeconds: 120, seconds: 60, fetchSeconds: 0, interrupted: false },
};

const point = { interval: [0.8, 0.95] as const, trainAccuracy: 1, overfitting: 0.1, runs: 3, epochs: 20 };
const comparison: Comparison = {
  ...{ verdict: "transfer", reason: "Transfer: the head is ahead.", savings: undefined, evidence: undefined },
  leads: [{ road: "probe", over: "scratch", mean: 0.3, interval: [0.2, 0.4], bySeed: [0.3] }],
  roads: [
    {
      road: "probe",
      points: [100, 400].map((pictures) => ({
        ...{ ...point, pictures, accuracy: 0.9, seconds: pictures / 50, epochs: undefined, flattened: true },
      })),
    },
    {
      road: "scratch",
      points: [100, 400].map((pictures) => ({
        ...{ ...point, pictures, accuracy: 0.6, seconds: pictures / 5, flattened: pictures < 400 },
      })),
    },
  ],
  ...{ baseline: { class: "a & b", accuracy: 0.5 }, classes: ["a & b", "c"], unfreeze: "2", keptForTest: 100 },
  network: { name: "resnet50", description: "A network.", licence: "MIT" },
  scratch: { network: "a small network", name: "small_resnet_64", learningRate: 0.004, augment: "none", epochs: 40 },
  ...{ pictures: { available: 500, learned: 400, judged: 100 }, skipped: [], gap: undefined, leftOut: [] },
  training: [
    {
      ...{ road: "scratch", flattened: false, couldReach: 0.7 },
      trainings: [10, 20].map((epochs) => ({
        ...{ epochs, seconds: epochs, accuracy: 0.5, trainAccuracy: 0.6, validationLogLoss: 0.7, isCut: epochs > 10 },
      })),
    },
  ],
  ...{ needs: undefined, budgetSeconds: 600, epochs: undefined, seconds: 500, interrupted: false },
};

const documentOf = (text: string) => parseHTML(text).document;

describe("the report of a recommendation", () => {
  const next = "graft train photos --network resnet50";
  const { document } = parseHTML(renderRecommendation(recommendation, { ...page, next }));

  test("says which, why, what next, and shows every network", () => {
    expect(document.querySelector("#recommended h2")?.textContent).toBe("Use resnet50");
    expect(document.querySelector("#recommended pre")?.textContent).toBe(next);
    expect(document.querySelectorAll("#networks tbody tr").length).toBe(2);
    expect(document.querySelector("#front svg")?.getAttribute("role")).toBe("img");
    expect(document.querySelector("#left-out")?.textContent).toContain("vgg16");
  });

  test("escapes foreign text, and runs nothing", () => {
    expect(document.querySelector("h1")?.textContent).toBe("Recommended network for <photos>");
    expect(document.querySelectorAll("script, photos").length).toBe(0);
  });

  test("with one network draws no front; with none to recommend says so", () => {
    const found = { ...recommendation, recommended: undefined, candidates: recommendation.candidates.slice(0, 1) };
    const bare = documentOf(renderRecommendation(found, { ...page, next: undefined }));
    expect(bare.querySelector("#front")).toBeNull();
    expect(bare.querySelector("#recommended h2")?.textContent).toBe("No recommendation");
    expect(bare.querySelector("#recommended pre")).toBeNull();
  });
});

describe("the report of a comparison", () => {
  const document = documentOf(renderComparison(comparison, { ...page, next: undefined }));

  test("says the verdict, draws both curves, and lists every point", () => {
    expect(document.querySelector("#verdict h2")?.textContent).toBe("Transfer");
    expect(document.querySelectorAll("#curves svg").length).toBe(2);
    const [points, trainings] = document.querySelectorAll("#evidence tbody");
    expect([points?.children.length, trainings?.children.length]).toEqual([4, 2]);
    expect(points?.textContent).toContain("20, still improving");
    expect(trainings?.textContent).toContain("ended early");
    expect(document.querySelector("#evidence")?.textContent).toContain("the curve is not flat");
    expect(document.querySelector("#evidence")?.textContent).toContain("30.0 points ahead");
    expect(document.querySelectorAll("script").length).toBe(0);
  });
});
