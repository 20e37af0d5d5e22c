/** Files that the last upload rejected, and files in the folder that training leaves out. */
import type { JSX } from "preact";
import { lastPart, plural } from "../format.ts";
import { project } from "../state.ts";
import { lastFailures } from "../uploads.ts";

/** The maximum number of listed files. */
const LISTED = 100;

export function SkippedFiles(): JSX.Element {
  return (
    <>
      <Files description="rejected" items={lastFailures.value.map(({ name, reason }) => ({ path: name, reason }))} />
      <Files description="in the folder left out of training" items={project.value!.ignored} />
    </>
  );
}

interface FilesProps {
  readonly description: string;
  readonly items: readonly { readonly path: string; readonly reason: string }[];
}

export function Files({ description, items }: FilesProps): JSX.Element | null {
  if (items.length === 0) return null;
  return (
    <details class="trouble">
      <summary>
        {plural(items.length, "file")} {description}
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
