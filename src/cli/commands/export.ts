/** `graft export`: writes a trained model in another format. */
import { dirname, join } from "node:path";
import type { Command } from "commander";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import { flag, optionsOf, text, whole } from "../../base/option-schemas.ts";
import { readArtifact, readModelFile } from "../../model/open-artifact.ts";
import { exportInt8 } from "../../run/export-int8.ts";
import { settledModel } from "../../run/read.ts";
import { number, readDataset, withSchema } from "../flags.ts";
import { percent, print, printJson, withProgress } from "../output.ts";
import { interruptible } from "../process.ts";

const exportFlags = optionsOf({
  int8: v.optional(flag, false),
  data: v.optional(text("the path of a dataset")),
  acceptLoss: v.optional(whole(0, 100), 1),
  out: v.optional(text("the path of a file")),
  json: v.optional(flag, false),
});

export function exportCommand(command: Command): Command {
  command
    .argument("<model>", "a model.onnx from `graft train`")
    .option("--int8", "8-bit integers: a quarter of the size, and faster if the processor has instructions for it")
    .option(
      "--data <dataset>",
      "labelled images: training images to measure value ranges, test images to evaluate the result",
    )
    .option(
      "--accept-loss <points>",
      "the accepted loss of accuracy in percentage points (one image is always accepted); a model that loses more is not written",
      number,
    )
    .option("--out <file>", "where to write the model (default: model-int8.onnx beside the model)")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  graft export graft-out/model.onnx --int8 --data photos");
  return withSchema(command, exportFlags, exportModel);
}

async function exportModel(flags: v.InferOutput<typeof exportFlags>, model: string): Promise<void> {
  if (!flags.int8) throw usageError("Choose an export format: --int8.");
  if (flags.data === undefined)
    throw usageError(
      "--int8 needs labelled images to measure value ranges and to evaluate the result: add --data DATASET.",
    );
  const path = await settledModel(model);
  const file = await readModelFile(path);
  const { classes } = readArtifact(file, path);
  const dataset = await readDataset(flags.data, { purpose: "judge", known: classes });
  const out = flags.out ?? join(dirname(path), "model-int8.onnx");
  const signal = interruptible("Stopped before the model was written.");
  const facts = await withProgress(({ show: onProgress }) =>
    exportInt8({ path, bytes: file }, dataset, { out, acceptLoss: flags.acceptLoss / 100, onProgress, signal }),
  );
  if (flags.json) return printJson({ out, ...facts });
  const { judged, latencyMs, bytes } = facts;
  const where = judged.part === "train" ? "images that the model may have been trained on" : `${judged.part} images`;
  print(
    `Accuracy ${percent(judged.accuracy.after)} on ${judged.images} ${where}, compared with ${percent(judged.accuracy.before)} for the original; both predict the same class for ${judged.same} of them.`,
  );
  print(
    `${(bytes.after / 1e6).toFixed(1)} MB instead of ${(bytes.before / 1e6).toFixed(1)} MB, ${latencyMs.after.toFixed(1)} ms per image on this machine instead of ${latencyMs.before.toFixed(1)} ms.`,
  );
  print(`The model is ${out}.`);
}
