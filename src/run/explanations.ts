/** What a finished training's report shows of where the model looked. */
import { GraftError, messageOf } from "../base/errors.ts";
import { readBytes } from "../base/files.ts";
import { decodeImage } from "../data/decode.ts";
import { argmax } from "../evaluate/softmax.ts";
import { openExplainers } from "../explain/explain.ts";
import type { ReportExplanation } from "./report-input.ts";
import type { TrainRun } from "./train-run.ts";

/** Overlays of wrong and of right answers. */
const [WRONG, RIGHT] = [4, 4];

/**
 * Grad-CAM of some test pictures: the surest wrong answers, then the surest right ones of different classes.
 *
 * @param onNote told, in a sentence, where the network cannot be explained so
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
      // A network without feature maps, or with an operator that has no gradient, is trained and reported all the same.
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
