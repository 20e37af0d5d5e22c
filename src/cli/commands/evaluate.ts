/** `graft evaluate`: measures a trained model on labelled images. */
import type { Command } from "commander";
import * as v from "valibot";
import { sha256OfFile } from "../../base/files.ts";
import { flag, optionsOf } from "../../base/option-schemas.ts";
import { openArtifact } from "../../model/open-artifact.ts";
import { evaluateModel, type ModelEvaluation } from "../../run/evaluate-model.ts";
import { disagreement, settledModel } from "../../run/read.ts";
import { readDataset, withSchema } from "../flags.ts";
import { note, noteUnused, percent, print, printJson, table, withProgress } from "../output.ts";
import { interruptible } from "../process.ts";

const evaluateFlags = optionsOf({ json: v.optional(flag, false) });

export function evaluateCommand(command: Command): Command {
  command
    .argument("<model>", "a model.onnx from `graft train`")
    .argument(
      "<dataset>",
      "a folder with one sub-folder per class, a .csv, .tsv or .jsonl list, or an archive of these",
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  graft evaluate graft-out/model.onnx ./new-photos");
  return withSchema(command, evaluateFlags, evaluate);
}

async function evaluate({ json }: v.InferOutput<typeof evaluateFlags>, model: string, path: string): Promise<void> {
  const at = await settledModel(model);
  const artifact = await openArtifact(at);
  try {
    const mixed = await disagreement(model, await sha256OfFile(at));
    if (mixed !== undefined) note(mixed);
    const dataset = await readDataset(path, { purpose: "judge", known: artifact.classes });
    const signal = interruptible("Stopped before all images were evaluated.");
    const found = await withProgress((line) =>
      evaluateModel(artifact, dataset, path, { onProgress: line.show, signal }),
    );
    if (json) printJson(found);
    else show(found, artifact.uncertainty.novelty?.falseAlarmRate);
  } finally {
    await artifact.close();
  }
}

/** @param falseAlarmRate the share of images like the training images that the model calls unknown; undefined if it calls none unknown */
function show(found: ModelEvaluation, falseAlarmRate: number | undefined): void {
  if (found.part === "train")
    print(
      `These are the images of a training split. If the model was trained on them, the accuracy says nothing about new images. Use a dataset with a test or validation split.`,
    );
  else if (found.part === "validation") print("There is no test split: these are the images of the validation split.");
  print(
    `Accuracy ${percent(found.accuracy)} on ${found.examples} images, 95% interval ${found.interval.map(percent).join(" to ")}.`,
  );
  if (falseAlarmRate !== undefined)
    print(
      `${found.unknown} of them are called unknown, unlike the training images (${percent(falseAlarmRate)} are expected for images like the training images).`,
    );
  const share = (value: number | null): string => (value === null ? "–" : percent(value));
  print(
    table([
      ["class", "recall", "95% interval", "precision", "F1", "images"],
      ...found.perClass.map(({ name, recall, recallInterval, precision, f1, support }) => [
        name,
        share(recall),
        recallInterval ? recallInterval.map(percent).join(" to ") : "–",
        share(precision),
        share(f1),
        String(support),
      ]),
    ]),
  );
  noteUnused("Skipped", found.skipped);
}
