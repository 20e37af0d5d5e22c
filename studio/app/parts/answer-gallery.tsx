/** Test pictures with what the model answered; each opens large, where its label can be put right. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { PictureAnswer } from "../../../src/studio/api.ts";
import { percent } from "../words.ts";
import { Picture } from "./picture.tsx";
import { PictureDialog } from "./picture-dialog.tsx";

export interface AnswerGalleryProps {
  readonly title?: string;
  readonly classes: readonly string[];
  readonly answers: readonly PictureAnswer[];
  readonly onClose?: () => void;
}

/** Shown at first, and with each wish for more. */
const STEP = 24;

export function AnswerGallery({ title, classes, answers, onClose }: AnswerGalleryProps): JSX.Element {
  const [limit, setLimit] = useState(STEP);
  const [opened, setOpened] = useState<number | null>(null);
  const one = opened === null ? undefined : answers[opened];
  return (
    <div class="answers">
      {title === undefined ? null : (
        <header>
          <h3>{title}</h3>
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
        </header>
      )}
      <ul class="gallery">
        {answers.slice(0, limit).map((answer, index) => (
          <li key={answer.id}>
            <button type="button" class="picture" onClick={() => setOpened(index)}>
              <Picture id={answer.id} alt={`A picture of ${classes[answer.truth]}`}>
                moved or removed since
              </Picture>
              <span class="figcaption">
                <strong>{classes[answer.prediction]}</strong> {percent(answer.probability)}
                {answer.truth === answer.prediction ? null : (
                  <>
                    <br />
                    is {classes[answer.truth]}
                  </>
                )}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {answers.length > limit ? (
        <button type="button" onClick={() => setLimit(limit + STEP)}>
          Show {Math.min(STEP, answers.length - limit)} more of {answers.length - limit}
        </button>
      ) : null}
      {one ? (
        <PictureDialog
          id={one.id}
          position={`${opened! + 1} of ${answers.length}`}
          onClose={() => setOpened(null)}
          onStep={(step) => setOpened(Math.min(answers.length - 1, Math.max(0, opened! + step)))}
        >
          <p>
            The model says <strong>{classes[one.prediction]}</strong>, {percent(one.probability)} sure; its label is{" "}
            <strong>{classes[one.truth]}</strong>
            {one.truth === one.prediction ? "." : `, to which it gives ${percent(one.truthProbability)}.`}
            {one.truth === one.prediction
              ? ""
              : " If the label is wrong, move the picture to its class and train again."}
          </p>
        </PictureDialog>
      ) : null}
    </div>
  );
}
