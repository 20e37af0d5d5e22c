/** The text output of `graft train`: the dataset before the work, and the results after it. */
import type { Dataset } from "../data/dataset/discover.ts";
import type { TrainRun } from "../run/facts.ts";
import { note, noteUnused, percent, print, table } from "./output.ts";

/** From this ratio of the largest class to the smallest, a note mentions the imbalance. */
const IMBALANCE = 5;

/** Describes the dataset before the work. With `quiet`, only warnings, and only on stderr. */
export function createDisplay(quiet: boolean): {
  dataset(dataset: Dataset, path: string): void;
  result(run: TrainRun): void;
} {
  return {
    dataset({ examples, classes }, path) {
      if (!quiet) note(`${path}: ${examples.length} files in ${classes.length} classes.`);
      const counts = classes.map((_, label) => examples.filter((example) => example.label === label).length);
      const [least, most] = [Math.min(...counts), Math.max(...counts)];
      if (most >= IMBALANCE * least) {
        note(
          `"${classes[counts.indexOf(most)]}" has ${Math.round(most / least)} times as many images as "${classes[counts.indexOf(least)]}": --class-weights balanced gives both the same weight.`,
        );
      }
    },
    result,
  };
}

/** How copies affect the accuracy, and which images were kept together. */
function groupSentences({ test, groups }: TrainRun["result"]): string[] {
  const sentences: string[] = [];
  if (test.straddling) {
    const { images, without } = test.straddling;
    const others = without
      ? `Without them the accuracy is ${percent(without.accuracy)} (95% interval ${percent(without.interval[0])} to ${percent(without.interval[1])}).`
      : "No test image is new to the model, so this accuracy says nothing about new images.";
    sentences.push(`${images} of the test images have a copy among the training or validation images. ${others}`);
  }
  if (groups.count > 0 && test.source === "held-out")
    sentences.push(
      `${groups.images} images belong to ${groups.count} groups of copies, near copies or recordings; no split separates a group.`,
    );
  if (groups.inseparable.length > 0)
    sentences.push(
      `All images of ${groups.inseparable.map((name) => `"${name}"`).join(", ")} belong to one group, so the figures of that class say nothing about other recordings.`,
    );
  return sentences;
}

/** Which features were selected instead of those of the network's own cut. */
function choiceSentences({ choice }: TrainRun["result"]): string[] {
  if (!choice) return [];
  const [own] = choice.tried;
  return choice.tried.flatMap(({ cut, views, gain }) => {
    const isChosen = cut === choice.cut && (views === "plain" || views === choice.views);
    if (gain === null || !isChosen) return [];
    const better = `log loss lower by ${gain.toFixed(3)} in cross-validation`;
    if (views === "mirrored")
      return [
        `Features are averaged over each image and its mirror image (${better}): predictions take twice as long.`,
      ];
    return [`Features are from ${cut} instead of ${own!.cut} (${better}).`];
  });
}

/** Which guarantees need more images. */
function promiseSentences({ trust: { novelty, alarms, conformal, promise } }: TrainRun["result"]): string[] {
  return [
    ...(promise.enough
      ? []
      : [
          `${conformal.calibratedOn} images are too few to rule out a class at ${percent(conformal.coverage)}, so every conformal set contains all classes.`,
        ]),
    ...(alarms.enough
      ? []
      : [
          `${novelty.fittedOn} held-out images are too few to limit false alarms to ${percent(novelty.falseAlarmRate)}, so no image is called unknown.`,
        ]),
  ];
}

function result({ result: trained, out, seconds, audit }: TrainRun): void {
  const { test, validation, counts, skipped, timings, rates, features } = trained;
  const { accuracy, interval, baseline } = test.evaluation;
  print();
  const where = test.source === "folder" ? "test images" : "images held out for testing";
  print(
    `Accuracy ${percent(accuracy)} on ${counts.test} ${where} (95% interval ${percent(interval[0])} to ${percent(interval[1])}).`,
  );
  for (const sentence of groupSentences(trained)) print(sentence);
  if (baseline) print(`Baseline: always predicting "${baseline.class}" reaches ${percent(baseline.accuracy)}.`);
  const how = {
    folder: "on the validation folder",
    "held-out": "on training images held out for validation",
    "cross-validation": "in cross-validation on the training images",
  }[validation.source];
  print(`Accuracy ${percent(validation.evaluation.accuracy)} ${how}.`);
  for (const sentence of choiceSentences(trained)) print(sentence);
  const { ece } = trained.calibration.test.after;
  print(
    `The calibration error is ${percent(ece.value)} on the ${where} (95% interval ${percent(ece.interval[0])} to ${percent(ece.interval[1])}).`,
  );
  for (const sentence of promiseSentences(trained)) print(sentence);
  noteUnused("Skipped", skipped, 10);
  print();
  const speed = (value: number): string => (value > 0 ? `${value.toFixed(0)} images/s` : "–");
  print(
    table([
      ["stage", "seconds", "speed"],
      [
        `features (${features.computed} computed, ${features.cached} from the cache)`,
        timings.extract.toFixed(1),
        speed(rates.forward),
      ],
      ["head", timings.head.toFixed(1), "–"],
      ["total", seconds().toFixed(1), "–"],
    ]),
  );
  print();
  if (audit && audit.findings.length > 0) {
    print(
      `The audit of the data has ${audit.findings.length} ${audit.findings.length === 1 ? "finding" : "findings"}, shown in the report:`,
    );
    for (const { title } of audit.findings) print(`  ${title}`);
    print();
  }
  print(`The model is ${out}/model.onnx, the report ${out}/report.html.`);
}
