/** The project's classes and their images: add, view, move and remove them. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { plural } from "../format.ts";
import { say } from "../messages.ts";
import { AddImages } from "../parts/add-images.tsx";
import { ClassList } from "../parts/class-list.tsx";
import { ClassTitle } from "../parts/class-title.tsx";
import { Grid } from "../parts/grid.tsx";
import { ImageDialog } from "../parts/image-dialog.tsx";
import { SelectionBar } from "../parts/selection-bar.tsx";
import { SkippedFiles } from "../parts/skipped-files.tsx";
import { go } from "../route.ts";
import { server } from "../server.ts";
import { project, revision } from "../state.ts";

export function Images({ className }: { readonly className: string | undefined }): JSX.Element {
  const classes = project.value!.classes;
  const shown = classes.find(({ name }) => name === className) ?? (className === undefined ? classes[0] : undefined);
  useEffect(() => {
    // The class was renamed or removed elsewhere, or there is no class yet.
    if (shown && shown.name !== className) go("pictures", shown.name);
    if (!shown && className !== undefined) go("pictures");
  }, [shown?.name, className]);
  if (classes.length === 0) return <Welcome />;
  return (
    <div class="columns">
      <ClassList current={shown?.name} />
      {shown ? <OneClass key={shown.name} name={shown.name} /> : null}
    </div>
  );
}

function Welcome(): JSX.Element {
  return (
    <section class="welcome">
      <h1>Train a network on your own images</h1>
      <p class="lead">
        Create a class for each thing that the model should recognise, and add images to it. Some dozens per class are
        enough to start; a few hundred are better. Or drop a folder with one sub-folder per class, or a zip of it,
        anywhere on this page.
      </p>
      <ClassList current={undefined} />
      <AddImages className={undefined} />
      <p class="muted small">Everything stays in {project.value!.path} on this machine. Nothing is uploaded.</p>
    </section>
  );
}

function OneClass({ name }: { readonly name: string }): JSX.Element {
  const [ids, setIds] = useState<readonly string[] | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<number | null>(null);
  useEffect(() => {
    let isCurrent = true;
    server.pictures(name).then(({ pictures }) => {
      if (!isCurrent) return;
      setIds(pictures);
      const there = new Set(pictures);
      setChosen((before) => new Set([...before].filter((id) => there.has(id))));
    }, say.failure);
    return () => {
      isCurrent = false;
    };
  }, [name, revision.value]);
  const selected = [...chosen];
  const done = (): void => setChosen(new Set());
  return (
    <section class="one-class" aria-label={`Class ${name}`}>
      <ClassTitle name={name} />
      <AddImages className={name} />
      <SkippedFiles />
      {ids === null ? (
        <p class="loading">Loading images…</p>
      ) : ids.length === 0 ? (
        <p class="empty">No images yet. Drop some here.</p>
      ) : (
        <Grid
          ids={ids}
          chosen={chosen}
          onChosen={setChosen}
          onOpen={setOpened}
          label={`Images of ${name}`}
          onRemove={() => void removeAll(selected, done)}
        />
      )}
      <SelectionBar
        ids={selected}
        className={name}
        onOpen={() => setOpened(ids?.indexOf(selected[0]!) ?? null)}
        onRemove={() => void removeAll(selected, done)}
        onDone={done}
      />
      {opened !== null && ids?.[opened] !== undefined ? (
        <ImageDialog
          id={ids[opened]}
          position={`${opened + 1} of ${ids.length}`}
          onClose={() => setOpened(null)}
          onStep={(step) => setOpened(Math.min(ids.length - 1, Math.max(0, opened + step)))}
        />
      ) : null}
    </section>
  );
}

async function removeAll(ids: readonly string[], done: () => void): Promise<void> {
  if (ids.length === 0) return;
  try {
    const { change } = await server.remove(ids);
    done();
    say.done(`${plural(ids.length, "image")} removed.`, change);
  } catch (error) {
    say.failure(error);
  }
}
