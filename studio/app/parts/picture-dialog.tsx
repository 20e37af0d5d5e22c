/** One picture, large; with what a model answered to it, where that is known. Its label can be put right. */
import type { ComponentChildren, JSX } from "preact";
import { attempt, say } from "../messages.ts";
import { server } from "../server.ts";
import { project } from "../state.ts";
import { lastPart } from "../words.ts";
import { Dialog } from "./dialog.tsx";
import { Picture } from "./picture.tsx";

export interface PictureDialogProps {
  readonly id: string;
  /** `3 of 12` */
  readonly position: string;
  readonly onClose: () => void;
  readonly onStep: (step: 1 | -1) => void;
  readonly children?: ComponentChildren;
}

export function PictureDialog({ id, position, onClose, onStep, children }: PictureDialogProps): JSX.Element {
  const steps: Readonly<Record<string, 1 | -1>> = { ArrowRight: 1, ArrowLeft: -1 };
  return (
    <Dialog
      wide
      title={lastPart(id)}
      onClose={onClose}
      onKeyDown={(event) => {
        const step = steps[event.key];
        if (step && !(event.target instanceof HTMLSelectElement)) onStep(step);
      }}
    >
      <div class="large">
        <Picture id={id} size="large" alt={id}>
          This picture cannot be read.
        </Picture>
      </div>
      {children}
      <div class="add">
        <button type="button" onClick={() => onStep(-1)} aria-label="The picture before">
          ←
        </button>
        <button type="button" onClick={() => onStep(1)} aria-label="The next picture">
          →
        </button>
        <p class="muted small">{position}</p>
        <Relabel ids={[id]} />
      </div>
    </Dialog>
  );
}

/** A menu that gives pictures another class. */
export function Relabel({
  ids,
  onDone,
}: {
  readonly ids: readonly string[];
  readonly onDone?: () => void;
}): JSX.Element {
  const move = async (event: Event & { readonly currentTarget: HTMLSelectElement }): Promise<void> => {
    const to = event.currentTarget.value;
    event.currentTarget.value = "";
    if (to === "") return;
    await attempt(async () => {
      const { change } = await server.relabel(ids, to);
      say.done(`${ids.length === 1 ? "One picture" : `${ids.length} pictures`} moved to “${to}”.`, change);
      onDone?.();
    });
  };
  return (
    <label class="select">
      <span class="visually-hidden">Move to another class</span>
      <select onChange={move}>
        <option value="">Move to…</option>
        {project.value!.classes.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
