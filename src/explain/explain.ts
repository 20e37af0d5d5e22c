/** Explains an artifact's predictions: opens a session per method once, and explains many images with it. */
import type { RgbImage } from "../data/image/rgb-image.ts";
import type { Model } from "../onnx/model.ts";
import {
  camOf,
  type FeatureMap,
  heatOf,
  integratedGradients,
  lastFeatureMap,
  openGradCam,
  openIntegratedGradients,
} from "./attributions.ts";
import type { GradientSession } from "./explained-network.ts";
import { type ExplainedArtifact, explainedArtifact } from "./explained-network.ts";
import { overlay } from "./heat-overlay.ts";

/** How a prediction can be explained; each method is a row of {@link methods}. */
export type Method = "grad-cam" | "integrated-gradients";

/** One explanation: the overlay as a JPEG, and figures of its quality. */
export interface Explanation {
  readonly method: Method;
  readonly jpeg: Buffer;
  /** Integrated gradients: the relative completeness error (see {@link integratedGradients}), and the number of intervals. */
  readonly completeness?: { readonly error: number; readonly steps: number } | undefined;
}

export interface Explainer {
  /** Explains the evidence for a class (its position in the artifact's classes) in an image. */
  explain(image: RgbImage, label: number): Promise<Explanation>;
  close(): Promise<void>;
}

type Open = (artifact: ExplainedArtifact, name: string) => Promise<Explainer>;

const gradCam: Open = async (artifact, name) => {
  const map: FeatureMap = await lastFeatureMap(artifact.explained, name);
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

/** Explainers of one artifact, one per method. */
export interface Explainers {
  /** Explains an image by each requested method, in order. */
  explain(image: RgbImage, label: number): Promise<readonly Explanation[]>;
  close(): Promise<void>;
}

/**
 * Opens explainers for an artifact.
 *
 * @param name its name in errors
 * @throws GraftError (`usage`) if a method does not suit the network, (`data`) if one of its operators has no gradient rule
 */
export async function openExplainers(model: Model, name: string, wanted: readonly Method[]): Promise<Explainers> {
  const artifact = await explainedArtifact(model, name);
  const explainers: Explainer[] = [];
  const close = async (): Promise<void> => {
    for (const one of explainers) await one.close();
    await artifact.close();
  };
  try {
    for (const method of wanted) explainers.push(await methods[method](artifact, name));
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
