/** Explaining an artifact's answers: sessions for each method, opened once and asked of many pictures. */
import type { RgbImage } from "../data/decode.ts";
import type { Model } from "../graph/model.ts";
import { camOf, type FeatureMap, lastFeatureMap, openGradCam } from "./grad-cam.ts";
import type { GradientSession } from "./gradient.ts";
import { heatOf, integratedGradients, openIntegratedGradients } from "./integrated-gradients.ts";
import { type ExplainedArtifact, explainedArtifact } from "./of-artifact.ts";
import { overlay } from "./overlay.ts";

/** How an answer can be explained; each is a row of {@link methods}. */
export type Method = "grad-cam" | "integrated-gradients";

/** One explanation: the overlay as a JPEG, and what is to be said of it. */
export interface Explanation {
  readonly method: Method;
  readonly jpeg: Buffer;
  /** Integrated gradients: how far the contributions miss the difference that they explain, relative to it; and the intervals used. */
  readonly completeness?: { readonly error: number; readonly steps: number };
}

export interface Explainer {
  /** Explains why a picture is taken for a class (a position in the artifact's). */
  explain(image: RgbImage, label: number): Promise<Explanation>;
  close(): Promise<void>;
}

type Open = (artifact: ExplainedArtifact, called: string) => Promise<Explainer>;

const gradCam: Open = async (artifact, called) => {
  const map: FeatureMap = await lastFeatureMap(artifact.explained, called);
  const session: GradientSession = await openGradCam(artifact.explained, map);
  return {
    async explain(image, label) {
      const { slope } = await session.run(await artifact.prepare(image), label);
      return { method: "grad-cam", jpeg: await overlay(image, camOf(slope, map), artifact.preprocessing.fit) };
    },
    close: () => session.close(),
  };
};

const integrated: Open = async (artifact) => {
  const session = await openIntegratedGradients(artifact.explained);
  const black = { width: 8, height: 8, data: new Uint8Array(8 * 8 * 3) };
  const baseline = await artifact.prepare(black);
  return {
    async explain(image, label) {
      const found = await integratedGradients(session, await artifact.prepare(image), baseline, label);
      const heat = heatOf(found, artifact.explained.inputDims);
      return {
        method: "integrated-gradients",
        jpeg: await overlay(image, heat, artifact.preprocessing.fit),
        completeness: { error: found.error, steps: found.steps },
      };
    },
    close: () => session.close(),
  };
};

export const methods: Readonly<Record<Method, Open>> = { "grad-cam": gradCam, "integrated-gradients": integrated };

/** Several explainers of one artifact. */
export interface Explainers {
  /** By every method asked for, in order. */
  explain(image: RgbImage, label: number): Promise<readonly Explanation[]>;
  close(): Promise<void>;
}

/**
 * Opens explainers for an artifact.
 *
 * @param called its name, for errors
 * @throws GraftError (`usage`) where a method does not fit the network; (`data`) where one of its operators has no gradient rule
 */
export async function openExplainers(model: Model, called: string, wanted: readonly Method[]): Promise<Explainers> {
  const artifact = await explainedArtifact(model, called);
  const explainers: Explainer[] = [];
  const close = async (): Promise<void> => {
    for (const one of explainers) await one.close();
    await artifact.close();
  };
  try {
    for (const method of wanted) explainers.push(await methods[method](artifact, called));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async explain(image, label) {
      const explanations: Explanation[] = [];
      for (const one of explainers) explanations.push(await one.explain(image, label));
      return explanations;
    },
    close,
  };
}
