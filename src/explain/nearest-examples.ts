/** Explanation by example: the training images most similar to an image, by the model's features. */
import { join } from "node:path";
import { concatenate } from "../base/collections.ts";
import { dataError } from "../base/errors.ts";
import type { OnProgress } from "../base/progress.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { artifactKeys } from "../model/artifact-graph.ts";
import { FEATURES, PIXELS } from "../networks/backbone/backbone.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import type { Session } from "../onnx/session/session.ts";
import { featureCaches, featureFolder, openFeatureCache } from "../train/features/feature-cache.ts";
import { denseTable, eachSimilarity, unitRows } from "../train/features/feature-table.ts";
import { extractFeatures } from "../train/features/image-files.ts";
import type { FrozenFeatures } from "../train/frozen.ts";
import type { ExplainedArtifact } from "./explained-network.ts";

/** A training image that is similar to the given one. */
export interface NearestExample {
  readonly path: string;
  readonly label: string;
  /** Cosine similarity of their features, −1 to 1. */
  readonly similarity: number;
}

export interface NearestOptions {
  readonly artifact: ExplainedArtifact;
  /** SHA-256 of the artifact's file. */
  readonly sha256: string;
  /** Whether the file is verified to be as written; otherwise its features may not be those of the network that it names. */
  readonly isVerified: boolean;
  /** The dataset it was trained on; test images are excluded. */
  readonly dataset: Dataset;
  readonly count: number;
  readonly onProgress?: OnProgress | undefined;
}

/** Finds the `count` most similar training images for each image, most similar first; features come from the cache if it has them. */
export async function nearestExamples(
  images: readonly RgbImage[],
  options: NearestOptions,
): Promise<NearestExample[][]> {
  const { artifact, dataset, count, onProgress } = options;
  const { predictor } = artifact;
  const graph = cutGraph(predictor.graph, [{ name: FEATURES, type: "float32" }]);
  const session = await openModel({ ...predictor, metadata: new Map(), graph });
  try {
    const runner = runnerOf(artifact, session);
    const queries: Float32Array[] = [];
    for (const image of images) {
      const data = await runner.prepare(image);
      queries.push((await runner.forward([data])).slice());
    }
    const features = queries[0]?.length ?? 0;
    const training = dataset.examples.filter(({ split }) => split !== "test");
    const cache = await openFeatureCache(folderFor(options), features);
    try {
      const paths = training.map(({ path }) => path);
      const { table, kept } = await extractFeatures(paths, cache, runner, { onProgress });
      const rows = Float32Array.from(queries.flatMap((row) => [...row]));
      const units = unitRows(denseTable(rows, features), [...queries.keys()]);
      const found = queries.map((): NearestExample[] => []);
      await eachSimilarity(table, units, (row, similarities) => {
        const { path, label } = training[kept[row]!]!;
        found.forEach((list, at) => {
          const similarity = similarities[at]!;
          if (list.length === count && similarity <= list.at(-1)!.similarity) return;
          list.push({ path, label: dataset.classes[label]!, similarity });
          list.sort((a, b) => b.similarity - a.similarity).splice(count);
        });
      });
      return found;
    } finally {
      cache.close();
    }
  } finally {
    await session.close();
  }
}

const runnerOf = (artifact: ExplainedArtifact, session: Session): FrozenFeatures => ({
  inputDims: artifact.explained.inputDims,
  prepare: artifact.prepare,
  async forward(prepared) {
    const pixels = {
      dims: [prepared.length, ...artifact.explained.inputDims],
      data: concatenate(prepared as Float32Array[]),
    };
    return (await session.run({ [PIXELS]: pixels }, [FEATURES]))[FEATURES]!.data as Float32Array;
  },
  close: () => session.close(),
});

/**
 * The cache folder of the network's own features if the artifact certainly contains it unchanged. Features of a fine-tuned network, of
 * several views of each image, or of an unverified file are cached for the artifact alone.
 */
function folderFor({ artifact, sha256, isVerified }: NearestOptions): string {
  const { predictor, preprocessing } = artifact;
  const facts = networkIn(predictor.metadata.get(artifactKeys.network));
  if (facts.tuned || facts.hasViews || !isVerified) return join(featureCaches(), sha256.slice(0, 32));
  return featureFolder({ ...facts, preprocessing });
}

interface NetworkFacts {
  readonly sha256: string;
  readonly cut: string;
  readonly tuned: boolean;
  readonly hasViews: boolean;
}

function networkIn(text: string | undefined): NetworkFacts {
  try {
    const facts = JSON.parse(text ?? "") as Readonly<Record<string, unknown>>;
    const { sha256, cut, tuned, views = "plain" } = facts;
    if (typeof sha256 === "string" && typeof cut === "string")
      return { sha256, cut, tuned: tuned === true, hasViews: views !== "plain" };
  } catch {
    // Reported below.
  }
  throw dataError("The model's metadata does not name its network: train it again with this version of Graft.");
}
