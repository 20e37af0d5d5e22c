/** A worker of the tests' page: asks a model about bitmaps that the page sends. */
import { openArtifact } from "../../../src/web/index.ts";

self.onmessage = async ({ data }: MessageEvent<{ model: string; bitmaps: ImageBitmap[] }>) => {
  const model = await openArtifact(data.model);
  const answers = [];
  for (const bitmap of data.bitmaps) {
    const { probabilities, ...rest } = await model.predict(bitmap);
    answers.push({ ...rest, probabilities: [...probabilities] });
  }
  postMessage(answers);
};
