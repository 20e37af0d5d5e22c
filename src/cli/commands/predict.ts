/** `graft predict`: classifies images with a trained model. */
import type { Command } from "commander";
import * as v from "valibot";
import { askFiles, type FilePrediction } from "../../artifact/ask-files.ts";
import { openArtifact, predictionOf } from "../../artifact/open.ts";
import { eitherOf } from "../../base/concurrency.ts";
import { dataError, isStopped, messageOf } from "../../base/errors.ts";
import { flag, optionsOf, whole } from "../../base/options.ts";
import { listed } from "../../base/text.ts";
import type { Ignored } from "../../data/dataset/discover.ts";
import { type ImageFile, type Images, imagesOf } from "../../data/dataset/images.ts";
import { settledModel } from "../../run/read.ts";
import { number, withSchema } from "../flags.ts";
import { interruptible } from "../interruption.ts";
import { note, withProgress } from "../output.ts";
import { jsonDisplay, linesDisplay } from "../predict-display.ts";
import { leftOut } from "../read-dataset.ts";
import { outputClosed } from "../streams.ts";

const predictFlags = optionsOf({ top: v.optional(whole(1), 3), json: v.optional(flag, false) });

export function predictCommand(command: Command): Command {
  command
    .argument("<model>", "a model.onnx from `graft train`")
    .argument("<images...>", "image files, or folders or archives of images")
    .option("--top <k>", "number of classes to show per image", number)
    .option("--json", "print one JSON object with `predictions`")
    .addHelpText("after", "\nExample:\n  graft predict graft-out/model.onnx holiday/ --top 2 --json");
  return withSchema(command, predictFlags, predict);
}

async function predict(
  { top, json }: v.InferOutput<typeof predictFlags>,
  model: string,
  inputs: string[],
): Promise<void> {
  const artifact = await openArtifact(await settledModel(model));
  try {
    const { images, ignored } = await imagesOfAll(inputs);
    const display = json ? jsonDisplay((text) => process.stdout.write(text)) : linesDisplay(artifact.uncertainty);
    const signal = interruptible(`Stopped before all ${images.length} images were classified.`);
    let [answered, unreadable] = [0, 0];
    const show = (predicted: FilePrediction): void => {
      if (predicted.kind === "unreadable") {
        unreadable++;
        display.skipped({ path: predicted.path, reason: predicted.reason });
      } else {
        answered++;
        display.found({ path: predicted.path, ...predictionOf(artifact, predicted.raw, top) });
      }
    };
    try {
      await withProgress(async (line) => {
        // If the reader of stdout went away, stop predicting.
        const told = { stage: "Predicting", onProgress: line.show, signal: eitherOf(signal, outputClosed) };
        for await (const predicted of askFiles(artifact, images, told)) {
          line.clear();
          show(predicted);
          if (process.stdout.writableNeedDrain) await drained();
        }
      });
    } catch (error) {
      if (outputClosed.aborted) return;
      display.end({ ignored, ...(isStopped(error) ? { stopped: true } : { error: messageOf(error) }) });
      throw error;
    }
    if (answered === 0) {
      throw dataError(
        `None of the ${unreadable} file${unreadable === 1 ? "" : "s"} could be read as an image: check the paths.`,
      );
    }
    display.end({ ignored });
  } finally {
    await artifact.close();
  }
}

/** Waits until a slow reader has read the output, so that it does not pile up in memory. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      process.stdout.off("drain", go);
      outputClosed.removeEventListener("abort", go);
      resolve();
    };
    process.stdout.on("drain", go);
    outputClosed.addEventListener("abort", go);
  });
}

/** The images of all inputs, in order, and the files that are left out of folders and archives, with notes. */
async function imagesOfAll(inputs: readonly string[]): Promise<Pick<Images, "images" | "ignored">> {
  const images: ImageFile[] = [];
  const ignored: Ignored[] = [];
  for (const input of inputs) {
    const found = await withProgress(({ show: onProgress }) => imagesOf(input, { onProgress }));
    note(found.notes);
    note(leftOut(found.ignored));
    images.push(...found.images);
    ignored.push(...found.ignored);
  }
  if (images.length === 0) throw dataError(`There are no images in ${listed(inputs)}: check the paths.`);
  return { images, ignored };
}
