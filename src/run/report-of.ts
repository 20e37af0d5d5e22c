/** A finished training → the input of its report and card. */
import { labelSentence } from "../audit/labels/sentence.ts";
import { thumbnail } from "../data/thumbnail.ts";
import { mostConfidentMistakes } from "../evaluate/mistakes.ts";
import { countParameters } from "../zoo/network.ts";
import { versions } from "./facts.ts";
import { reportFindings } from "./findings.ts";
import { datasetName, type ReportInput } from "./report-input.ts";
import { runFiles } from "./run-files.ts";
import type { TrainRun } from "./train-run.ts";

/** The most mistakes that the report shows. */
const MISTAKES = 24;

/** What the report and the card say; reads the pictures that they show. */
export async function reportOf(run: TrainRun, modelSha256: string): Promise<ReportInput> {
  const { result, dataset, datasetPath, seed, timings, seconds, audit, explanations } = run;
  const { network, test, validation, calibration, head, shape } = result;
  const labels = test.examples.map(({ label }) => label);
  const mistakes = mostConfidentMistakes(test.probabilities, labels, MISTAKES);
  return {
    title: `${network.name} on ${datasetName(datasetPath)}`,
    createdAt: new Date().toISOString(),
    dataset: {
      path: datasetPath,
      classes: dataset.classes,
      counts: result.counts,
      testSource: test.source,
      groups: result.groups,
      straddling: test.straddling,
    },
    network: {
      name: network.name,
      description: network.description,
      licence: network.licence,
      source: network.source,
      sha256: network.sha256,
      cut: network.cut,
      views: shape.views ?? "plain",
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
    choice: result.choice,
    finetune: result.finetune,
    seed,
    timings: { ...timings, ...result.timings, total: seconds() },
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
    findings: audit && (await reportFindings(audit.findings)),
    labels: audit && labelSentence(audit.labels),
    explanations,
    trust: result.trust,
    skipped: [...result.skipped],
    modelFile: runFiles.model,
    modelSha256,
    versions: versions(),
  };
}
