/** Shows one large image, with its prediction if there is one. The user can correct its label. */
import type { ComponentChildren, JSX } from "preact";
import { lastPart, plural } from "../format.ts";
import { attempt, say } from "../messages.ts";
import { server } from "../server.ts";
import { project } from "../state.ts";
import { Dialog } from "./dialog.tsx";
import { Thumbnail } from "./thumbnail.tsx";

export interface ImageDialogProps {
  readonly id: string;
  /** `3 of 12` */
  readonly position: string;
  readonly onClose: () => void;
  readonly onStep: (step: 1 | -1) => void;
  readonly children?: ComponentChildren;
}

export function ImageDialog({ id, position, onClose, onStep, children }: ImageDialogProps): JSX.Element {
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
        <Thumbnail id={id} size="large" alt={id}>
          This image cannot be read.
        </Thumbnail>
      </div>
      {children}
      <div class="add">
        <button type="button" onClick={() => onStep(-1)} aria-label="Previous image">
          ←
        </button>
        <button type="button" onClick={() => onStep(1)} aria-label="Next image">
          →
        </button>
        <p class="muted small">{position}</p>
        <Relabel ids={[id]} />
      </div>
    </Dialog>
  );
}

/** A menu that moves images to another class. */
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
      say.done(`${plural(ids.length, "image")} moved to “${to}”.`, change);
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
