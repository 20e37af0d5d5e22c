/**
 * Collects the input of a report and card from a finished training: mistakes, audit findings and explanations, with small
 * images. Draws no page.
 */

import { type Finding, suspectsOf } from "../audit/check.ts";
import { labelSentence } from "../audit/labels/label-evidence.ts";
import { GraftError, isDataError, messageOf } from "../base/errors.ts";
import { readBytes } from "../base/files.ts";
import { decodeImage, thumbnail } from "../data/image/decode.ts";
import { openExplainers } from "../explain/explain.ts";
import { mostConfidentMistakes } from "../metrics/evaluation.ts";
import { argmax } from "../metrics/logits.ts";
import { countParameters } from "../networks/network.ts";
import { type TrainRun, versions } from "./facts.ts";
import { datasetName, type ReportExplanation, type ReportFinding, type ReportInput } from "./report-input.ts";
import { runFiles } from "./run-files.ts";

/** The maximum number of mistakes in the report. */
const MISTAKES = 24;

/** Collects what the report and the card say; reads the images that they show. */
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

// The audit's findings, as the report shows them.

/** Images per finding. */
const SHOWN = 6;

/** The audit's findings with thumbnails. */
export const reportFindings = (findings: readonly Finding[]): Promise<ReportFinding[]> =>
  Promise.all(
    findings.map(async (finding) => {
      const suspects = suspectsOf(finding);
      const pictures = suspects.slice(0, SHOWN).map(async ({ path, label, why, confidence }) => ({
        thumbnail: await thumbnail(path).catch(emptyIfUnreadable),
        path,
        label,
        why,
        confidence,
      }));
      const { title, advice, severity, confidence } = finding;
      return { title, advice, severity, confidence, pictures: await Promise.all(pictures), total: suspects.length };
    }),
  );

/** The finding may be that a file is not an image. */
function emptyIfUnreadable(error: unknown): string {
  if (!isDataError(error)) throw error;
  return "";
}

// Explanations: where the model looked in some test images.

/** The numbers of overlays for wrong and for correct predictions. */
const [WRONG, RIGHT] = [4, 4];

/**
 * Grad-CAM of some test images: the most confident wrong predictions, then the most confident correct ones of different
 * classes.
 *
 * @param onNote called with a sentence if the network cannot be explained this way
 */
export async function reportExplanations(
  { result, dataset }: Pick<TrainRun, "result" | "dataset">,
  onNote: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<ReportExplanation[]> {
  const chosen = chosenRows(result.test, dataset.classes.length);
  if (chosen.length === 0) return [];
  const explainers = await openExplainers(result.artifact, result.network.name, ["grad-cam"]).catch(
    (error: unknown) => {
      if (!(error instanceof GraftError)) throw error;
      // A network without feature maps, or with an operator without a gradient, is trained and reported all the same.
      onNote(`The report shows no overlays: ${messageOf(error)}`);
      return undefined;
    },
  );
  if (!explainers) return [];
  try {
    const explanations: ReportExplanation[] = [];
    for (const { row, prediction, probability } of chosen) {
      signal?.throwIfAborted();
      const { path, label } = result.test.examples[row]!;
      const [explanation] = await explainers.explain(await decodeImage(await readBytes(path)), prediction);
      explanations.push({
        overlay: explanation!.jpeg.toString("base64"),
        path,
        truth: dataset.classes[label]!,
        prediction: dataset.classes[prediction]!,
        probability,
      });
    }
    return explanations;
  } finally {
    await explainers.close();
  }
}

interface Chosen {
  readonly row: number;
  readonly prediction: number;
  readonly probability: number;
}

function chosenRows({ examples, probabilities }: TrainRun["result"]["test"], classes: number): Chosen[] {
  const answers = examples
    .map(({ label }, row) => {
      const prediction = argmax(probabilities, row * classes, classes);
      return { row, label, prediction, probability: probabilities[row * classes + prediction]! };
    })
    .sort((a, b) => b.probability - a.probability);
  const wrong = answers.filter(({ label, prediction }) => label !== prediction).slice(0, WRONG);
  const seen = new Set<number>();
  const right = answers.filter(({ label, prediction }) => {
    if (label !== prediction || seen.has(label)) return false;
    seen.add(label);
    return true;
  });
  return [...wrong, ...right.slice(0, RIGHT)];
}
