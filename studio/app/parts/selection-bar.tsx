/** What can be done with the pictures that are selected. */
import type { JSX } from "preact";
import { plural } from "../words.ts";
import { Relabel } from "./picture-dialog.tsx";

export interface SelectionBarProps {
  readonly ids: readonly string[];
  readonly className: string;
  readonly onOpen: () => void;
  readonly onRemove: () => void;
  readonly onDone: () => void;
}

export function SelectionBar({ ids, className, onOpen, onRemove, onDone }: SelectionBarProps): JSX.Element | null {
  if (ids.length === 0) return null;
  return (
    <div class="selection" role="toolbar" aria-label={`Selected pictures of ${className}`}>
      <p aria-live="polite">{plural(ids.length, "picture")} selected</p>
      <button type="button" onClick={onOpen}>
        Look
      </button>
      <Relabel ids={ids} onDone={onDone} />
      <button type="button" onClick={onRemove}>
        Remove
      </button>
      <button type="button" class="quiet" onClick={onDone}>
        Deselect
      </button>
    </div>
  );
}
