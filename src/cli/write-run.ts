/** A finished training → the files in its output folder, and the JSON that scripts read. */
import { join, relative, sep } from "node:path";
import type { Audit } from "../audit/audit.ts";
import { makeFolder, writeWhole } from "../base/files.ts";
import { graftVersion } from "../base/version.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { thumbnail } from "../data/thumbnail.ts";
import { mostConfidentMistakes } from "../evaluate/mistakes.ts";
import { argmax } from "../evaluate/softmax.ts";
import { encodeModel } from "../graph/onnx/write.ts";
import { datasetName, type Effort, renderCard } from "../report/card.ts";
import type { ReportExplanation, ReportInput } from "../report/input.ts";
import { renderReport } from "../report/report.ts";
import type { TrainResult } from "../train/train.ts";
import { countParameters, type Network } from "../zoo/network.ts";
import { reportFindings } from "./run-trust.ts";

/** All there is to say of one training. */
export interface TrainRun {
  readonly result: TrainResult & { readonly network: Network };
  readonly dataset: Dataset;
  readonly datasetPath: string;
  readonly seed: number;
  readonly out: string;
  /** Seconds since the command began. */
  readonly seconds: () => number;
  /** What was found in the data; nothing where it was not audited. */
  readonly audit: Audit | undefined;
  readonly explanations: readonly ReportExplanation[];
  readonly effort: () => Promise<Effort>;
}

/** The most mistakes that the report shows. */
const MISTAKES = 24;

/** The object of `graft train --json`. */
export function jsonOf({ result, dataset, out, seconds, audit }: TrainRun): Record<string, unknown> {
  const { network, test, validation } = result;
  return {
    network: network.name,
    weights: network.source,
    classes: dataset.classes,
    counts: result.counts,
    accuracy: { validation: validation.evaluation.accuracy, test: test.evaluation.accuracy },
    interval: test.evaluation.interval,
    baseline: test.evaluation.baseline,
    validatedBy: validation.source,
    testedOn: test.source,
    timings: { ...result.timings, total: seconds() },
    rates: result.rates,
    features: result.features,
    head: headFacts(result),
    temperature: result.calibration.temperature,
    trust: result.trust,
    findings: audit ? audit.findings.map(findingFacts) : null,
    frozenUnchanged: result.frozenUnchanged,
    ...(result.finetune ? { finetune: result.finetune } : {}),
    skipped: result.skipped,
    out,
  };
}

const findingFacts = ({ check, title, confidence, groups }: Audit["findings"][number]) => ({
  check,
  title,
  confidence,
  pictures: groups.flat().length,
});

/** Writes `model.onnx`, `graft.json`, `answers.json`, `report.html`, `card.md` and, last, `metrics.json`; each whole or not at all. */
export async function writeRun(run: TrainRun): Promise<void> {
  const { result, out, dataset, datasetPath, seed } = run;
  const { network, test, validation, calibration } = result;
  await makeFolder(out);
  await writeWhole(join(out, "model.onnx"), encodeModel(result.artifact));
  const made = {
    graft: graftVersion,
    network: {
      name: network.name,
      source: network.source,
      sha256: network.sha256,
      licence: network.licence,
      cut: network.cut,
      preprocessing: network.preprocessing,
    },
    dataset: { path: datasetPath, digest: result.datasetDigest, classes: dataset.classes },
    seed,
    head: headFacts(result),
    temperature: calibration.temperature,
    versions: versions(),
  };
  await writeWhole(join(out, "graft.json"), `${JSON.stringify(made, null, 2)}\n`);
  const answers = { classes: dataset.classes, answers: answersOf(test, dataset.root) };
  await writeWhole(join(out, "answers.json"), `${JSON.stringify(answers)}\n`);
  const input = await reportInput(run);
  await writeWhole(join(out, "report.html"), renderReport(input));
  await writeWhole(join(out, "card.md"), renderCard(input, await run.effort()));
  const metrics = { ...jsonOf(run), test: test.evaluation, validation: validation.evaluation, calibration };
  await writeWhole(join(out, "metrics.json"), `${JSON.stringify(metrics, null, 2)}\n`);
}

/** What the model answered to one test picture; classes by position. */
export interface TestAnswer {
  /** Relative to the dataset's folder, with `/`. */
  readonly path: string;
  readonly truth: number;
  readonly prediction: number;
  /** Of the prediction. */
  readonly probability: number;
  /** Of the truth. */
  readonly truthProbability: number;
}

function answersOf({ examples, probabilities }: TrainResult["test"], root: string): TestAnswer[] {
  const classes = probabilities.length / examples.length;
  return examples.map(({ path, label }, row) => {
    const prediction = argmax(probabilities, row * classes, classes);
    return {
      path: relative(root, path).split(sep).join("/"),
      truth: label,
      prediction,
      probability: probabilities[row * classes + prediction]!,
      truthProbability: probabilities[row * classes + label]!,
    };
  });
}

const versions = (): Record<string, string> => ({ graft: graftVersion, node: process.versions.node });

function headFacts({ head }: TrainResult): {
  l2: number;
  folds: number;
  tried: TrainResult["head"]["tried"];
  unfinished: number;
} {
  return { l2: head.l2, folds: head.folds, tried: head.tried, unfinished: head.unfinished };
}

async function reportInput({
  result,
  dataset,
  datasetPath,
  seed,
  seconds,
  audit,
  explanations,
}: TrainRun): Promise<ReportInput> {
  const { network, test, validation, calibration, head, shape } = result;
  const labels = test.examples.map(({ label }) => label);
  const mistakes = mostConfidentMistakes(test.probabilities, labels, MISTAKES);
  return {
    title: `${network.name} on ${datasetName(datasetPath)}`,
    createdAt: new Date().toISOString(),
    dataset: { path: datasetPath, classes: dataset.classes, counts: result.counts, testSource: test.source },
    network: {
      name: network.name,
      description: network.description,
      licence: network.licence,
      source: network.source,
      sha256: network.sha256,
      cut: network.cut,
      features: shape.features,
      parameters: countParameters(network.model),
      inputSize: network.preprocessing.size,
    },
    head: {
      kind: "logistic-regression",
      l2: head.l2,
      folds: head.folds,
      crossValidatedAccuracy: head.tried.find(({ l2 }) => l2 === head.l2)!.accuracy,
    },
    seed,
    timings: { ...result.timings, total: seconds() },
    rates: result.rates,
    test: test.evaluation,
    validation: { ...validation.evaluation, source: validation.source },
    calibration,
    mistakes: await Promise.all(
      mistakes.map(async ({ index, truth, prediction, probability }) => {
        const { path } = test.examples[index]!;
        return {
          thumbnail: await thumbnail(path),
          path,
          truth: dataset.classes[truth]!,
          prediction: dataset.classes[prediction]!,
          probability,
        };
      }),
    ),
    ...(audit ? { findings: await reportFindings(audit.findings) } : {}),
    explanations,
    trust: result.trust,
    skipped: [...result.skipped],
    modelFile: "model.onnx",
    versions: versions(),
  };
}
