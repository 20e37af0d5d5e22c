/** How each class fared. */

import type { JSX } from "preact";
import type { RunResults } from "../../../src/studio/api.ts";
import { percent } from "../words.ts";
import { Scroll } from "./scroll.tsx";

export function ClassTable({ results }: { readonly results: RunResults }): JSX.Element {
  return (
    <section aria-labelledby="classes-title">
      <h2 id="classes-title">Class by class</h2>
      <p class="lead">
        Found: of the pictures of a class, the share called so. Right: of the pictures called so, the share that are.
      </p>
      <Scroll label="Classes">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" class="number">
                Found
              </th>
              <th scope="col" class="number">
                Right
              </th>
              <th scope="col" class="number">
                Pictures
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
