/** `graft evaluate`: how well a trained model does on labelled pictures. */
import { Command } from "commander";
import { openArtifact } from "../../artifact/open.ts";
import { doubtOf } from "../../artifact/trust.ts";
import { dataError, isDataError, messageOf } from "../../base/errors.ts";
import { sha256OfFile } from "../../base/files.ts";
import { createMeter } from "../../base/progress.ts";
import { discoverDataset } from "../../data/dataset/discover.ts";
import { decodeImage } from "../../data/decode.ts";
import { evaluatePredictions } from "../../evaluate/evaluate.ts";
import { disagreement, settledModel } from "../../run/read.ts";
import { note, percent, print, printJson, table, withProgress } from "../output.ts";

export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description("measure a trained model on labelled pictures (their test folder, if they have one)")
    .argument("<model>", "a model.onnx that graft train wrote")
    .argument("<dataset>", "a folder with one sub-folder a class, or a .csv/.jsonl")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  graft evaluate graft-out/model.onnx ./new-photos")
    .action(evaluate);
}

async function evaluate(model: string, path: string, { json }: { json?: boolean }): Promise<void> {
  const at = await settledModel(model);
  const artifact = await openArtifact(at);
  try {
    const mixed = await disagreement(model, await sha256OfFile(at));
    if (mixed !== undefined) note(mixed);
    const dataset = await discoverDataset(path, "judge");
    const testOnly = dataset.examples.some(({ split }) => split === "test");
    const examples = dataset.examples.filter(({ split }) => !testOnly || split === "test");
    const labels: number[] = [];
    const rows: Float32Array[] = [];
    let unknown = 0;
    const skipped: { path: string; reason: string }[] = [];
    await withProgress(async (line) => {
      const meter = createMeter({ stage: "Evaluating", unit: "images", total: examples.length, onProgress: line.show });
      for (const example of examples) {
        const name = dataset.classes[example.label]!;
        const label = artifact.classes.indexOf(name);
        if (label < 0)
          throw dataError(`The model does not know the class "${name}": it knows ${artifact.classes.join(", ")}.`);
        try {
          const answer = await artifact.predict(await decodeImage(example.path));
          rows.push(answer.probabilities);
          if (doubtOf(artifact.trust, artifact.classes, answer).unknown) unknown++;
          labels.push(label);
        } catch (error) {
          if (!isDataError(error)) throw error;
          skipped.push({ path: example.path, reason: messageOf(error) });
        }
        meter.add();
      }
    });
    if (rows.length === 0) throw dataError(`None of the ${examples.length} images of ${path} could be read.`);
    const probabilities = Float32Array.from(rows.flatMap((row) => [...row]));
    const evaluation = evaluatePredictions({ probabilities, labels, classes: [...artifact.classes] });
    const { novelty } = artifact.trust;
    if (json)
      return printJson({ part: testOnly ? "test" : "all", skipped, ...(novelty ? { unknown } : {}), ...evaluation });
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
        ["class", "recall", "precision", "F1", "images"],
        ...evaluation.perClass.map(({ name, recall, precision, f1, support }) => [
          name,
          share(recall),
          share(precision),
          share(f1),
          String(support),
        ]),
      ]),
    );
    for (const { reason } of skipped) print(`Skipped: ${reason}`);
  } finally {
    await artifact.close();
  }
}
