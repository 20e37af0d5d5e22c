/** Trained models that are asked: opened when first asked, the last two kept, one picture at a time. */
import { join } from "node:path";
import { withImage } from "../../data/image/decode.ts";
import { type Artifact, openArtifact, predictionOf } from "../../model/open-artifact.ts";
import type { Prediction } from "../api.ts";
import { files } from "./record.ts";

export interface Predictor {
  predict(folder: string, picture: Uint8Array): Promise<Prediction>;
  /** Lets go of a run's model, so that its file can be removed. */
  forget(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** Models kept open. */
const KEPT = 2;

export function createPredictor(): Predictor {
  const models = new Map<string, Promise<Artifact>>();
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {});
    return mine;
  };
  const forget = async (folder: string): Promise<void> => {
    const model = models.get(folder);
    models.delete(folder);
    await (await model)?.close();
  };
  const modelOf = async (folder: string): Promise<Artifact> => {
    const known = models.get(folder) ?? openArtifact(join(folder, files.model));
    // The latest asked is the last in the map's order.
    models.delete(folder);
    models.set(folder, known);
    known.catch(() => models.delete(folder));
    if (models.size > KEPT) await forget([...models.keys()][0]!);
    return known;
  };
  return {
    async predict(folder, picture) {
      return withImage(picture, (image) =>
        inTurn(async () => {
          const artifact = await modelOf(folder);
          const answer = await artifact.predict(image);
          const { top, unknown = false } = predictionOf(artifact, answer, artifact.classes.length);
          return { answers: top, unknown };
        }),
      );
    },
    forget: (folder) => inTurn(() => forget(folder)),
    close: () =>
      inTurn(async () => {
        for (const folder of [...models.keys()]) await forget(folder);
      }),
  };
}
