/** `graft predict`: what a trained model says of pictures. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { openArtifact, type Prediction, predictionOf } from "../../artifact/open.ts";
import { codeOf, dataError, isDataError, messageOf, usageError } from "../../base/errors.ts";
import { decodeImage } from "../../data/decode.ts";
import { settledModel } from "../../run/read.ts";
import { wholeNumber } from "../options.ts";
import { note, percent, print, printJson } from "../output.ts";

interface PredictFlags {
  readonly top: number;
  readonly json?: boolean;
}

export function predictCommand(): Command {
  return new Command("predict")
    .description("ask a trained model what is in pictures")
    .argument("<model>", "a model.onnx that graft train wrote")
    .argument("<images...>", "image files, or folders of them")
    .option("--top <k>", "how many classes to name a picture", wholeNumber(1), 3)
    .option("--json", "print one JSON array")
    .addHelpText("after", "\nExample:\n  graft predict graft-out/model.onnx holiday/ --top 2 --json")
    .action(predict);
}

async function predict(model: string, inputs: string[], { top, json }: PredictFlags): Promise<void> {
  const artifact = await openArtifact(await settledModel(model));
  try {
    const paths = (await Promise.all(inputs.map(filesOf))).flat();
    const answers: ({ path: string } & Prediction)[] = [];
    let unreadable = 0;
    for (const path of paths) {
      try {
        answers.push({ path, ...predictionOf(artifact, await artifact.predict(await decodeImage(path)), top) });
      } catch (error) {
        if (!isDataError(error)) throw error;
        unreadable++;
        note(`Skipped: ${messageOf(error)}`);
      }
    }
    if (answers.length === 0) {
      throw dataError(
        `None of the ${unreadable} file${unreadable === 1 ? "" : "s"} given could be read as an image: check the paths.`,
      );
    }
    if (json) return printJson(answers);
    for (const { path, top: best, unknown, novelty } of answers) {
      const named = best.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
      const { threshold } = artifact.trust.novelty ?? {};
      print(
        unknown
          ? `${path}: unknown, unlike what it was trained on (novelty ${novelty?.toFixed(2)}, above ${threshold?.toFixed(2)}); else ${named}`
          : `${path}: ${named}`,
      );
    }
  } finally {
    await artifact.close();
  }
}

/** The file itself, or the files of a folder at any depth, in order. */
async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") throw usageError(`There is no file or folder ${path}: check the path.`, error);
    throw error;
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
