/** The confusion matrix. Each cell opens its images. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { mostConfusedPairs } from "../../../src/metrics/evaluation.ts";
import { heatLevel } from "../../../src/report/style-sheet.ts";
import type { RunResults, TestPrediction } from "../../../src/studio/api.ts";
import { percent, plural, shorten } from "../format.ts";
import { PredictionGallery } from "./prediction-gallery.tsx";
import { Scroll } from "./scroll.tsx";

/** With more classes a matrix is not readable; the page then lists the pairs that are confused most. */
const MATRIX_LIMIT = 30;
const PAIRS = 30;

interface Cell {
  readonly truth: number;
  readonly prediction: number;
}

export function Confusion({ results }: { readonly results: RunResults }): JSX.Element {
  const { classes, test, answers } = results;
  const [opened, setOpened] = useState<Cell | null>(null);
  const behind = opened
    ? answers.filter((one) => one.truth === opened.truth && one.prediction === opened.prediction)
    : [];
  return (
    <section aria-labelledby="confusion-title">
      <h2 id="confusion-title">Confused classes</h2>
      <p class="lead">
        {classes.length <= MATRIX_LIMIT
          ? "Rows are true classes, columns are predictions. Click a cell to see its images."
          : `A matrix of ${classes.length} classes would be too large to read. These pairs are confused most often. Click one to see its images.`}
      </p>
      {classes.length <= MATRIX_LIMIT ? (
        <Matrix classes={classes} confusion={test.confusion} opened={opened} onOpen={setOpened} />
      ) : (
        <Pairs classes={classes} confusion={test.confusion} onOpen={setOpened} />
      )}
      <div aria-live="polite">
        {opened ? (
          <PredictionGallery
            title={titleOf(classes, opened, behind)}
            classes={classes}
            predictions={behind.toSorted((a, b) => b.probability - a.probability)}
            onClose={() => setOpened(null)}
          />
        ) : null}
      </div>
    </section>
  );
}

const titleOf = (classes: readonly string[], { truth, prediction }: Cell, behind: readonly TestPrediction[]): string =>
  truth === prediction
    ? `${plural(behind.length, "image")} of “${classes[truth]}”, predicted correctly`
    : `${plural(behind.length, "image")} of “${classes[truth]}” predicted as “${classes[prediction]}”`;

interface MatrixProps {
  readonly classes: readonly string[];
  readonly confusion: readonly (readonly number[])[];
  readonly opened: Cell | null;
  readonly onOpen: (cell: Cell) => void;
}

function Matrix({ classes, confusion, opened, onOpen }: MatrixProps): JSX.Element {
  return (
    <Scroll label="Confusion matrix">
      <table class="matrix">
        <caption class="visually-hidden">True classes in rows, predictions in columns</caption>
        <thead>
          <tr>
            <td />
            {classes.map((name) => (
              <th key={name} scope="col">
                <span title={name}>{shorten(name, 18)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {confusion.map((row, truth) => {
            const support = row.reduce((sum, value) => sum + value, 0);
            return (
              <tr key={classes[truth]}>
                <th scope="row">
                  <span title={classes[truth]}>{shorten(classes[truth]!, 18)}</span>
                </th>
                {row.map((value, prediction) => {
                  const share = support === 0 ? 0 : value / support;
                  const isOpen = opened?.truth === truth && opened.prediction === prediction;
                  const label = `${classes[truth]} predicted as ${classes[prediction]}: ${value}`;
                  return (
                    <td key={classes[prediction]}>
                      {value === 0 ? (
                        <span class="heat-0" aria-hidden="true" />
                      ) : (
                        <button
                          type="button"
                          class={`heat-${heatLevel(share)}`}
                          aria-pressed={isOpen}
                          aria-label={label}
                          title={`${label} (${percent(share)})`}
                          onClick={() => onOpen({ truth, prediction })}
                        >
                          {value}
                        </button>
                      )}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Pairs({ classes, confusion, onOpen }: Omit<MatrixProps, "opened">): JSX.Element {
  const pairs = mostConfusedPairs(confusion, PAIRS);
  if (pairs.length === 0) return <p>The model confuses no classes.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">True class</th>
          <th scope="col">Predicted as</th>
          <th scope="col" class="number">
            Count
          </th>
        </tr>
      </thead>
      <tbody>
        {pairs.map(({ truth, prediction, count }) => (
          <tr key={`${truth} ${prediction}`}>
            <td>{classes[truth]}</td>
            <td>{classes[prediction]}</td>
            <td class="number">
              <button type="button" class="quiet" onClick={() => onOpen({ truth, prediction })}>
                {plural(count, "image")}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
