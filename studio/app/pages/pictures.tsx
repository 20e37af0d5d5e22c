/** The project's classes and their pictures: collected, looked at, moved, removed. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { say } from "../messages.ts";
import { AddPictures } from "../parts/add-pictures.tsx";
import { ClassList } from "../parts/class-list.tsx";
import { ClassTitle } from "../parts/class-title.tsx";
import { Grid } from "../parts/grid.tsx";
import { PictureDialog } from "../parts/picture-dialog.tsx";
import { SelectionBar } from "../parts/selection-bar.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { go } from "../route.ts";
import { server } from "../server.ts";
import { project, revision } from "../state.ts";

export function Pictures({ className }: { readonly className: string | undefined }): JSX.Element {
  const classes = project.value!.classes;
  const shown = classes.find(({ name }) => name === className) ?? (className === undefined ? classes[0] : undefined);
  useEffect(() => {
    // A class that was renamed or removed elsewhere, or none yet.
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
      <h1>Teach a network your pictures</h1>
      <p class="lead">
        Make a class for each thing to tell apart and give it pictures: some dozens a class will do, a few hundred are
        better. Or drop a folder with one sub-folder a class, or a zip of it, anywhere on this page.
      </p>
      <ClassList current={undefined} />
      <AddPictures className={undefined} />
      <p class="muted small">Everything stays in {project.value!.path} on this machine; nothing is sent anywhere.</p>
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
      <AddPictures className={name} />
      <Trouble />
      {ids === null ? (
        <p class="loading">Looking for pictures…</p>
      ) : ids.length === 0 ? (
        <p class="empty">No pictures yet. Drop some here.</p>
      ) : (
        <Grid
          ids={ids}
          chosen={chosen}
          onChosen={setChosen}
          onOpen={setOpened}
          label={`Pictures of ${name}`}
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
        <PictureDialog
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
    say.done(`${ids.length === 1 ? "One picture" : `${ids.length} pictures`} removed.`, change);
  } catch (error) {
    say.failure(error);
  }
}
