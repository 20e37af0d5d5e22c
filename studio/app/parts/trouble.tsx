/** Files that were not taken, and files in the folder that training passes over. */
import type { JSX } from "preact";
import { project } from "../state.ts";
import { lastFailures } from "../uploads.ts";
import { lastPart, plural } from "../words.ts";

/** The most that are listed. */
const LISTED = 100;

export function Trouble(): JSX.Element {
  return (
    <>
      <Files words="not taken" items={lastFailures.value.map(({ name, reason }) => ({ path: name, reason }))} />
      <Files words="in the folder left out of training" items={project.value!.ignored} />
    </>
  );
}

interface FilesProps {
  readonly words: string;
  readonly items: readonly { readonly path: string; readonly reason: string }[];
}

export function Files({ words, items }: FilesProps): JSX.Element | null {
  if (items.length === 0) return null;
  return (
    <details class="trouble">
      <summary>
        {plural(items.length, "file")} {words}
      </summary>
      <ul>
        {items.slice(0, LISTED).map(({ path, reason }) => (
          <li key={path}>
            <strong>{lastPart(path)}</strong>: {reason}
          </li>
        ))}
        {items.length > LISTED ? <li>… and {items.length - LISTED} more</li> : null}
      </ul>
    </details>
  );
}
