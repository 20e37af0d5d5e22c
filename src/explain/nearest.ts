/** The training pictures most like a picture, to the model: the explanation by example. */
import { join } from "node:path";
import { artifactKeys } from "../artifact/contract.ts";
import { dataError } from "../base/errors.ts";
import type { OnProgress } from "../base/progress.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import type { RgbImage } from "../data/decode.ts";
import { cutGraph } from "../graph/cut.ts";
import { openModel } from "../runtime/open-model.ts";
import type { Session } from "../runtime/session.ts";
import { openFeatureCache } from "../train/features/cache.ts";
import { extractFeatures } from "../train/features/extract.ts";
import { featureCaches, featureFolder } from "../train/features/of-network.ts";
import type { BackboneRunner } from "../train/features/runner.ts";
import { eachSimilarity, unitRows } from "../train/features/similarity.ts";
import { denseTable } from "../train/features/table.ts";
import { FEATURES, PIXELS } from "../zoo/backbone.ts";
import type { ExplainedArtifact } from "./of-artifact.ts";

/** A training picture that is like the one asked about. */
export interface Near {
  readonly path: string;
  readonly label: string;
  /** Cosine similarity of their features, −1 to 1. */
  readonly similarity: number;
}

export interface NearestOptions {
  readonly artifact: ExplainedArtifact;
  /** SHA-256 of the artifact's file. */
  readonly sha256: string;
  /** Whether the file is known to be as it was written; else its features may not be those of the network that it names. */
  readonly isVerified: boolean;
  /** What it was trained on; test pictures do not count. */
  readonly dataset: Dataset;
  readonly count: number;
  readonly onProgress?: OnProgress;
}

/** The `count` most similar training pictures for each picture, most similar first; features come from the cache where it has them. */
export async function nearestPictures(images: readonly RgbImage[], options: NearestOptions): Promise<Near[][]> {
  const { artifact, dataset, count, onProgress } = options;
  const { answering } = artifact;
  const graph = cutGraph(answering.graph, [{ name: FEATURES, type: "float32" }]);
  const session = await openModel({ ...answering, metadata: new Map(), graph });
  try {
    const runner = runnerOf(artifact, session);
    const asked: Float32Array[] = [];
    for (const image of images) {
      const data = await runner.prepare(image);
      asked.push((await runner.forward({ dims: [1, ...runner.inputDims], data })).slice());
    }
    const features = asked[0]?.length ?? 0;
    const training = dataset.examples.filter(({ split }) => split !== "test");
    const cache = await openFeatureCache(folderFor(options), features);
    try {
      const paths = training.map(({ path }) => path);
      const { table, kept } = await extractFeatures(paths, cache, runner, onProgress ? { onProgress } : {});
      const rows = Float32Array.from(asked.flatMap((row) => [...row]));
      const units = unitRows(denseTable(rows, features), [...asked.keys()]);
      const found = asked.map((): Near[] => []);
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

const runnerOf = (artifact: ExplainedArtifact, session: Session): BackboneRunner => ({
  inputDims: artifact.explained.inputDims,
  prepare: artifact.prepare,
  async forward(pixels) {
    return (await session.run({ [PIXELS]: pixels }, [FEATURES]))[FEATURES]!.data as Float32Array;
  },
  close: () => session.close(),
});

/**
 * The network's own features where the artifact certainly kept it as it was; those of a fine-tuned network, of several views of each
 * image, or of a file that nothing vouches for, are the artifact's alone.
 */
function folderFor({ artifact, sha256, isVerified }: NearestOptions): string {
  const { answering, preprocessing } = artifact;
  const facts = networkIn(answering.metadata.get(artifactKeys.network));
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
    // Said below.
  }
  throw dataError("The model does not say which network it was made of: train it anew with this version of Graft.");
}
