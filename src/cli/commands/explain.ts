/** `graft explain`: explains predictions, with overlays and with the most similar training images. */
import { basename, dirname, extname, join } from "node:path";
import type { Command } from "commander";
import * as v from "valibot";
import { isDataError, messageOf, usageError } from "../../base/errors.ts";
import { inFolder, sha256, writeWhole } from "../../base/files.ts";
import { flag, listOf, oneOf, onlyWhen, optionsOf, text, whole } from "../../base/option-schemas.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { listed, shown } from "../../base/text.ts";
import { type Dataset, discoverDataset } from "../../data/dataset/discover.ts";
import { decodeImage, type RgbImage } from "../../data/image/decode.ts";
import { type Explanation, type Method, methods, openExplainers } from "../../explain/explain.ts";
import { explainedArtifact } from "../../explain/explained-network.ts";
import { type NearestExample, nearestExamples } from "../../explain/nearest-examples.ts";
import { openArtifact, predictionOf, readArtifact, readModelFile } from "../../model/open-artifact.ts";
import { uncertaintyOf } from "../../model/predict.ts";
import { disagreement, readMade, settledModel } from "../../run/read.ts";
import type { ReadMade } from "../../run/schema.ts";
import { commaSeparated, number, withSchema } from "../flags.ts";
import { noImages, note, percent, print, printJson, withProgress } from "../output.ts";
import { interruptible } from "../process.ts";

const explainFlags = v.pipe(
  optionsOf({
    method: v.optional(listOf(oneOf(Object.keys(methods) as Method[])), () => ["grad-cam" as const]),
    class: v.optional(text("the name of a class")),
    data: v.optional(text("the path of a dataset")),
    nearest: v.optional(whole(0), 5),
    out: v.optional(text("the path of a folder"), "graft-explain"),
    json: v.optional(flag, false),
  }),
  onlyWhen(({ nearest }) => nearest > 0, ["data"], "if the nearest images are listed: leave out {nearest} 0 or {data}"),
);

type ExplainFlags = v.InferOutput<typeof explainFlags>;

export function explainCommand(command: Command): Command {
  command
    .argument("<model>", "a model.onnx from `graft train`")
    .argument("<images...>", "image files")
    .option(
      "--method <names>",
      `methods, separated by commas: ${Object.keys(methods).join(", ")} (default: grad-cam)`,
      commaSeparated,
    )
    .option("--class <name>", "the class to explain, instead of the most probable one")
    .option("--data <dataset>", "the training dataset; default: the one in graft.json beside the model")
    .option("--nearest <n>", "number of most similar training images to list", number)
    .option("--out <dir>", "where to write the overlays")
    .option("--json", "print one JSON object with `explanations`")
    .addHelpText(
      "after",
      "\nExample:\n  graft explain graft-out/model.onnx cat.jpg --method grad-cam,integrated-gradients",
    );
  return withSchema(command, explainFlags, explain);
}

async function explain(flags: ExplainFlags, asked: string, inputs: string[]): Promise<void> {
  const path = await settledModel(asked);
  const bytes = await readModelFile(path);
  const { model, classes } = readArtifact(bytes, path);
  const chosen = flags.class === undefined ? undefined : classes.indexOf(flags.class);
  if (chosen === -1)
    throw usageError(`The model has no class ${shown(flags.class)}: its classes are ${listed(classes)}.`);
  const signal = interruptible("Stopped before all images were explained.");
  const { images, paths, skipped } = await readable(inputs);
  const artifact = await openArtifact(path);
  const explainers = await openExplainers(model, path, flags.method).catch(async (error: unknown) => {
    await artifact.close();
    throw error;
  });
  const explainAll = async (onProgress: OnProgress) => {
    const near = await nearestTo(images, asked, bytes, flags, onProgress);
    const entries = [];
    const meter = createMeter({ stage: "Explaining", unit: "images", total: images.length, onProgress });
    for (const [at, image] of images.entries()) {
      signal.throwIfAborted();
      const answer = await artifact.predict(image);
      const { label, probability } = predictionOf(artifact, answer, 1);
      const why = chosen ?? classes.indexOf(label);
      const explanations: ReturnType<typeof factsOf>[] = [];
      for (const explanation of await explainers.explain(image, why)) {
        const file = join(flags.out, fileName(paths, at, explanation.method));
        await writeWhole(file, explanation.jpeg);
        explanations.push(factsOf(explanation, file));
      }
      entries.push({
        path: paths[at]!,
        label,
        probability,
        ...uncertaintyOf(artifact.uncertainty, classes, answer),
        explained: classes[why]!,
        explanations,
        nearest: near?.[at] ?? [],
      });
      meter.add();
    }
    return entries;
  };
  try {
    const entries = await withProgress((line) => inFolder(flags.out, () => explainAll(line.show)));
    if (flags.json) return printJson({ explanations: entries, skipped });
    for (const entry of entries) show(entry);
  } finally {
    await explainers.close();
    await artifact.close();
  }
}

/** The images that can be read; notes name the others. Throws a data error if there are none. */
async function readable(inputs: readonly string[]) {
  const [images, paths]: [RgbImage[], string[]] = [[], []];
  const skipped: { path: string; reason: string }[] = [];
  for (const input of inputs) {
    try {
      images.push(await decodeImage(input));
      paths.push(input);
    } catch (error) {
      if (!isDataError(error)) throw error;
      skipped.push({ path: input, reason: messageOf(error) });
      note(`Skipped: ${messageOf(error)}`);
    }
  }
  if (images.length > 0) return { images, paths, skipped };
  throw noImages(inputs.length);
}

const factsOf = ({ method, completeness }: Explanation, file: string) => ({
  method,
  file,
  completeness,
});

/** A file name after the image; images with the same name get their index. */
function fileName(inputs: readonly string[], at: number, method: Method): string {
  const stem = (input: string): string => basename(input, extname(input));
  const own = stem(inputs[at]!);
  const isShared = inputs.some((input, other) => other !== at && stem(input) === own);
  return `${own}${isShared ? `-${at + 1}` : ""}-${method}.jpg`;
}

/** The most similar training images; undefined, with a note, if there is no dataset. */
async function nearestTo(
  images: readonly RgbImage[],
  path: string,
  bytes: Uint8Array,
  { nearest: count, data }: ExplainFlags,
  onProgress: OnProgress,
): Promise<NearestExample[][] | undefined> {
  if (count === 0) return undefined;
  const digest = sha256(bytes);
  const mixed = await disagreement(path, digest);
  if (mixed !== undefined) note(mixed);
  const made = mixed === undefined ? await readMade(dirname(path)) : undefined;
  const dataset = await trainingData(made, data);
  if (!dataset) return undefined;
  const artifact = await explainedArtifact(readArtifact(bytes, path).model, path);
  // Only a model that the run's own files identify certainly has the weights of the network that it names.
  const isVerified = made?.modelSha256 === digest;
  try {
    return await nearestExamples(images, { artifact, sha256: digest, isVerified, dataset, count, onProgress });
  } finally {
    await artifact.close();
  }
}

async function trainingData(made: ReadMade | undefined, given: string | undefined): Promise<Dataset | undefined> {
  if (given !== undefined) return discoverDataset(given);
  const found = made && (await discoverDataset(made.dataset.path).catch(() => undefined));
  if (!found)
    note(
      "The training images are not at the path in graft.json, so the nearest ones are not listed. Use --data to give their path.",
    );
  return found;
}

interface Entry {
  readonly path: string;
  readonly label: string;
  readonly probability: number;
  readonly unknown?: boolean | undefined;
  readonly explained: string;
  readonly explanations: readonly ReturnType<typeof factsOf>[];
  readonly nearest: readonly NearestExample[];
}

function show({ path, label, probability, unknown, explained, explanations, nearest }: Entry): void {
  print(`${path}: ${unknown ? "unknown, otherwise " : ""}${label} ${percent(probability)}`);
  for (const { method, file, completeness } of explanations) {
    const exact = completeness
      ? `; the contributions differ from their exact sum by ${percent(completeness.error)} after ${completeness.steps} steps`
      : "";
    print(`  ${explained}, ${method}: ${file}${exact}`);
  }
  for (const { path: other, label: of, similarity } of nearest)
    print(`  similar: ${other} (${of}), similarity ${similarity.toFixed(2)}`);
}
