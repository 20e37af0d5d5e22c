/** `graft predict`: classifies images with a trained model. */

import type { Command } from "commander";
import * as v from "valibot";
import { eitherOf } from "../../base/concurrency.ts";
import { dataError, isStopped, messageOf } from "../../base/errors.ts";
import { flag, optionsOf, whole } from "../../base/option-schemas.ts";
import { listed } from "../../base/text.ts";
import type { Ignored } from "../../data/dataset/discover.ts";
import { type ImageFile, type Images, imagesOf } from "../../data/dataset/source.ts";
import { type FilePrediction, openArtifact, predictFiles, predictionOf } from "../../model/open-artifact.ts";
import type { Prediction, UncertaintyRules } from "../../model/predict.ts";
import { settledModel } from "../../run/read.ts";
import { leftOut, number, withSchema } from "../flags.ts";
import { jsonText, noImages, note, percent, print, withProgress } from "../output.ts";
import { interruptible, outputClosed } from "../process.ts";

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
    let [predictions, unreadable] = [0, 0];
    const show = (predicted: FilePrediction): void => {
      if (predicted.kind === "unreadable") {
        unreadable++;
        display.skipped({ path: predicted.path, reason: predicted.reason });
      } else {
        predictions++;
        display.found({ path: predicted.path, ...predictionOf(artifact, predicted.raw, top) });
      }
    };
    try {
      await withProgress(async (line) => {
        // If the reader of stdout went away, stop predicting.
        const options = { stage: "Predicting", onProgress: line.show, signal: eitherOf(signal, outputClosed) };
        for await (const predicted of predictFiles(artifact, images, options)) {
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
    if (predictions === 0) throw noImages(unreadable);
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

// The output, written as predictions arrive: one line of text each, or one JSON object.

type Found = { readonly path: string } & Prediction;

interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface PredictDisplay {
  found(one: Found): void;
  skipped(one: Skipped): void;
  /** Called once at the end. */
  end(facts: EndFacts): void;
}

/** How the work ended; empty if all files were processed. */
export interface EndFacts {
  /** Files of folders and archives that were left out. */
  readonly ignored: readonly Ignored[];
  readonly stopped?: true | undefined;
  /** The message of a failure. */
  readonly error?: string | undefined;
}

/** One line per image; files that cannot be read go to stderr with the reason. */
export const linesDisplay = ({ novelty: rule }: UncertaintyRules): PredictDisplay => ({
  found({ path, top, unknown, novelty }) {
    const named = top.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
    const { threshold } = rule ?? {};
    print(
      unknown
        ? `${path}: unknown, unlike the training images (out-of-distribution score ${novelty?.toFixed(2)}, above ${threshold?.toFixed(2)}); otherwise ${named}`
        : `${path}: ${named}`,
    );
  },
  skipped: ({ reason }) => note(`Skipped: ${reason}`),
  end() {},
});

/**
 * `{"predictions":[…],"skipped":[…],"ignored":[…]}`, written entry by entry, so that memory holds none of them. The output is one
 * complete JSON object however the work ends. Without any prediction, nothing is written.
 */
export function jsonDisplay(write: (text: string) => unknown): PredictDisplay {
  const skipped: Skipped[] = [];
  let count = 0;
  return {
    found(one) {
      write(`${count === 0 ? '{"predictions":[' : ","}${jsonText(one)}`);
      count++;
    },
    skipped(one) {
      skipped.push(one);
      note(`Skipped: ${one.reason}`);
    },
    end(facts) {
      if (count === 0 && facts.stopped === undefined) return;
      if (count === 0) write('{"predictions":[');
      write(`],${jsonText({ skipped, ...facts }).slice(1)}\n`);
    },
  };
}
