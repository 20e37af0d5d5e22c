/** The actions for the selected images. */
import type { JSX } from "preact";
import { plural } from "../format.ts";
import { Relabel } from "./image-dialog.tsx";

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
    <div class="selection" role="toolbar" aria-label={`Selected images of ${className}`}>
      <p aria-live="polite">{plural(ids.length, "image")} selected</p>
      <button type="button" onClick={onOpen}>
        View
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
