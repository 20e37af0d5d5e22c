/** What a model says of one picture: its classes with their probabilities, the most probable first. */
import type { JSX } from "preact";

export interface ProbabilitiesProps {
  readonly answers: readonly { readonly label: string; readonly probability: number }[];
  /** Classes that are shown. Default 5. */
  readonly most?: number;
}

export function Probabilities({ answers, most = 5 }: ProbabilitiesProps): JSX.Element {
  const [first] = answers;
  return (
    <div class="probabilities">
      <p class="answer" aria-live="polite" data-testid="answer">
        {first?.label} <span class="muted">{shareOf(first?.probability ?? 0)}</span>
      </p>
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
      {answers.length > most ? <p class="muted small">and {answers.length - most} less probable</p> : null}
    </div>
  );
}

const shareOf = (share: number): string => `${(100 * share).toFixed(1)}%`;
