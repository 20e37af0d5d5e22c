/** The prediction for one image: classes by probability, and whether the image is unknown to the model. */
import type { JSX } from "preact";
import type { ModelPrediction } from "../../../src/studio/api.ts";

export interface ProbabilitiesProps extends ModelPrediction {
  /** The number of classes to show. Default: 5. */
  readonly most?: number;
}

export function Probabilities({ answers, unknown, most = 5 }: ProbabilitiesProps): JSX.Element {
  const [first] = answers;
  return (
    <div class="probabilities">
      <p class="answer" aria-live="polite" data-testid="answer">
        {first?.label} <span class="muted">{shareOf(first?.probability ?? 0)}</span>
      </p>
      {unknown ? (
        <p class="notice">Unknown: this image is unlike the training images, so the prediction is not reliable.</p>
      ) : null}
      <table>
        <caption class="visually-hidden">Probabilities</caption>
        <tbody>
          {answers.slice(0, most).map(({ label, probability }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td class="meter">
                <span class="bar">
                  <i style={{ "--at": probability }} />
                </span>
              </td>
              <td class="number" data-probability={probability}>
                {shareOf(probability)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {answers.length > most ? <p class="muted small">and {answers.length - most} less probable classes</p> : null}
    </div>
  );
}

const shareOf = (share: number): string => `${(100 * share).toFixed(1)}%`;
