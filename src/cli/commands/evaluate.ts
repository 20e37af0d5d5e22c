/** `graft evaluate`: how well a trained model does on labelled pictures. */
import type { Command } from "commander";
import * as v from "valibot";
import { askFiles } from "../../artifact/ask-files.ts";
import { openArtifact } from "../../artifact/open.ts";
import { doubtOf } from "../../artifact/trust.ts";
import { dataError } from "../../base/errors.ts";
import { sha256OfFile } from "../../base/files.ts";
import { flag, optionsOf } from "../../base/options.ts";
import { listed, shown } from "../../base/text.ts";
import { evaluatePredictions } from "../../evaluate/evaluate.ts";
import { disagreement, settledModel } from "../../run/read.ts";
import { withSchema } from "../flags.ts";
import { interruptible } from "../interruption.ts";
import { note, noteUnused, percent, print, printJson, table, withProgress } from "../output.ts";
import { readDataset } from "../read-dataset.ts";

const evaluateFlags = optionsOf({ json: v.optional(flag, false) });

export function evaluateCommand(command: Command): Command {
  command
    .argument("<model>", "a model.onnx that graft train wrote")
    .argument("<dataset>", "a folder with one sub-folder a class, a .csv, .tsv or .jsonl list, or an archive of these")
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
    const {
      examples: all,
      classes,
      ignored,
    } = await readDataset(path, {
      purpose: "judge",
      known: artifact.classes,
    });
    const part = (["test", "validation"] as const).find((one) => all.some(({ split }) => split === one));
    const examples = all.filter(({ split }) => part === undefined || split === part);
    const training = examples.filter(({ split }) => split === "train").length;
    const truths = examples.map(({ label }) => labelIn(artifact.classes, classes[label]!));
    const labels: number[] = [];
    const rows: Float32Array[] = [];
    let unknown = 0;
    const skipped: { path: string; reason: string }[] = [];
    const signal = interruptible("Stopped before all images were evaluated.");
    await withProgress(async (line) => {
      const paths = examples.map((example) => example.path);
      const told = { stage: "Evaluating", onProgress: line.show, signal };
      let at = 0;
      for await (const predicted of askFiles(artifact, paths, told)) {
        const truth = truths[at++]!;
        if (predicted.kind === "unreadable") {
          skipped.push({ path: predicted.path, reason: predicted.reason });
          continue;
        }
        rows.push(predicted.raw.probabilities);
        if (doubtOf(artifact.uncertainty, artifact.classes, predicted.raw).unknown) unknown++;
        labels.push(truth);
      }
    });
    if (rows.length === 0) throw dataError(`None of the ${examples.length} images of ${path} could be read.`);
    const probabilities = Float32Array.from(rows.flatMap((row) => [...row]));
    const evaluation = evaluatePredictions({ probabilities, labels, classes: [...artifact.classes] });
    const { novelty } = artifact.uncertainty;
    if (json) {
      return printJson({
        part: part ?? (training > 0 ? "train" : "all"),
        skipped,
        ignored,
        ...(novelty ? { unknown } : {}),
        ...evaluation,
      });
    }
    if (training > 0)
      print(
        `These are the images of a train part: where the model learned from them, the accuracy says nothing about new images. Give a dataset with a test or validation part.`,
      );
    else if (part === "validation") print("There is no test part: these are the images of the validation part.");
    print(
      `Accuracy ${percent(evaluation.accuracy)} on ${rows.length} pictures, 95% interval ${evaluation.interval.map(percent).join(" to ")}.`,
    );
    if (novelty)
      print(
        `${unknown} of them called unknown, unlike what the model was trained on (${percent(novelty.falseAlarmRate)} are expected of its own kind).`,
      );
    const share = (value: number | null): string => (value === null ? "–" : percent(value));
    print(
      table([
        ["class", "recall", "95% interval", "precision", "F1", "images"],
        ...evaluation.perClass.map(({ name, recall, recallInterval, precision, f1, support }) => [
          name,
          share(recall),
          recallInterval ? recallInterval.map(percent).join(" to ") : "–",
          share(precision),
          share(f1),
          String(support),
        ]),
      ]),
    );
    noteUnused("Skipped", skipped);
  } finally {
    await artifact.close();
  }
}

/** The position of a class among the model's. Throws a data error where it has none of the name. */
function labelIn(classes: readonly string[], name: string): number {
  const label = classes.indexOf(name);
  if (label >= 0) return label;
  throw dataError(`The model does not know the class ${shown(name)}: it knows ${listed(classes)}.`);
}
