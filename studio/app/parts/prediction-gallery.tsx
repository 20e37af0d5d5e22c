/** Test images with their predictions. Each opens in a dialog, where the user can correct its label. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { TestPrediction } from "../../../src/studio/api.ts";
import { percent } from "../format.ts";
import { ImageDialog } from "./image-dialog.tsx";
import { Thumbnail } from "./thumbnail.tsx";

export interface PredictionGalleryProps {
  readonly title?: string;
  readonly classes: readonly string[];
  readonly predictions: readonly TestPrediction[];
  readonly onClose?: () => void;
}

/** Images per page: shown at first, and added with each click on "Show more". */
const STEP = 24;

export function PredictionGallery({ title, classes, predictions, onClose }: PredictionGalleryProps): JSX.Element {
  const [limit, setLimit] = useState(STEP);
  const [opened, setOpened] = useState<number | null>(null);
  const one = opened === null ? undefined : predictions[opened];
  return (
    <div class="predictions">
      {title === undefined ? null : (
        <header>
          <h3>{title}</h3>
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
        </header>
      )}
      <ul class="gallery">
        {predictions.slice(0, limit).map((prediction, index) => (
          <li key={prediction.id}>
            <button type="button" class="image" onClick={() => setOpened(index)}>
              <Thumbnail id={prediction.id} alt={`An image of ${classes[prediction.truth]}`}>
                moved or removed
              </Thumbnail>
              <span class="figcaption">
                <strong>{classes[prediction.prediction]}</strong> {percent(prediction.probability)}
                {prediction.truth === prediction.prediction ? null : (
                  <>
                    <br />
                    label: {classes[prediction.truth]}
                  </>
                )}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {predictions.length > limit ? (
        <button type="button" onClick={() => setLimit(limit + STEP)}>
          Show {Math.min(STEP, predictions.length - limit)} more of {predictions.length - limit}
        </button>
      ) : null}
      {one ? (
        <ImageDialog
          id={one.id}
          position={`${opened! + 1} of ${predictions.length}`}
          onClose={() => setOpened(null)}
          onStep={(step) => setOpened(Math.min(predictions.length - 1, Math.max(0, opened! + step)))}
        >
          <p>
            Prediction: <strong>{classes[one.prediction]}</strong> ({percent(one.probability)}). Label:{" "}
            <strong>{classes[one.truth]}</strong>
            {one.truth === one.prediction
              ? "."
              : ` (${percent(one.truthProbability)}). If the label is wrong, move the image to its class and train again.`}
          </p>
        </ImageDialog>
      ) : null}
    </div>
  );
}
