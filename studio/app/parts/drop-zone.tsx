/** Accepts files that are dragged anywhere over the page, and says where they would go. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { say } from "../messages.ts";
import { offersOf } from "../offers.ts";
import { route } from "../route.ts";
import { send } from "../uploads.ts";

const isOver = signal(false);

/** A page that handles drops itself sets this while it is visible. */
export const ownDrops = signal<((files: readonly File[]) => void) | null>(null);

const target = (): string | undefined => (route.value.page === "pictures" ? route.value.className : undefined);
const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;

export function DropZone(): JSX.Element | null {
  useEffect(() => {
    let depth = 0;
    const on = {
      dragenter: (event: DragEvent) => {
        if (hasFiles(event)) isOver.value = ++depth > 0;
      },
      dragleave: (event: DragEvent) => {
        if (hasFiles(event)) isOver.value = --depth > 0;
      },
      dragover: (event: DragEvent) => {
        if (hasFiles(event)) event.preventDefault();
      },
      drop: (event: DragEvent) => {
        if (!hasFiles(event) || !event.dataTransfer) return;
        event.preventDefault();
        depth = 0;
        isOver.value = false;
        const take = ownDrops.value;
        if (take) take([...event.dataTransfer.files]);
        else void offersOf(event.dataTransfer).then((offers) => send(offers, target()), say.failure);
      },
    } as const;
    for (const [name, listener] of Object.entries(on)) window.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(on)) window.removeEventListener(name, listener as EventListener);
    };
  }, []);
  if (!isOver.value) return null;
  const where = target();
  return (
    <div class="drop" aria-hidden="true">
      <p>
        {ownDrops.value
          ? "Drop an image to predict its class"
          : where === undefined
            ? "Drop folders or a zip: each folder becomes a class"
            : `Drop images into “${where}”; folders become separate classes`}
      </p>
    </div>
  );
}
