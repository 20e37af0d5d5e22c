/** Recall and precision of each class. */

import type { JSX } from "preact";
import type { RunResults } from "../../../src/studio/api.ts";
import { percent } from "../format.ts";
import { Scroll } from "./scroll.tsx";

export function ClassTable({ results }: { readonly results: RunResults }): JSX.Element {
  return (
    <section aria-labelledby="classes-title">
      <h2 id="classes-title">Results by class</h2>
      <p class="lead">
        Recall: the share of a class's images that the model finds. Precision: the share of its predictions of a class
        that are correct.
      </p>
      <Scroll label="Classes">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" class="number">
                Recall
              </th>
              <th scope="col" class="number">
                Precision
              </th>
              <th scope="col" class="number">
                Images
              </th>
            </tr>
          </thead>
          <tbody>
            {results.test.perClass.map(({ name, recall, precision, support }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">
                  {percent(recall)}
                  <span class="bar">
                    <i style={{ "--at": recall ?? 0 }} />
                  </span>
                </td>
                <td class="number">
                  {percent(precision)}
                  <span class="bar soft">
                    <i style={{ "--at": precision ?? 0 }} />
                  </span>
                </td>
                <td class="number">{support}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
