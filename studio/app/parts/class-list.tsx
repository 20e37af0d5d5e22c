/** The classes as links with their counts, and a form to create a class. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { count, plural } from "../format.ts";
import { attempt } from "../messages.ts";
import { go, hrefOf } from "../route.ts";
import { server } from "../server.ts";
import { project, refreshProject } from "../state.ts";
import { Thumbnail } from "./thumbnail.tsx";

export function ClassList({ current }: { readonly current: string | undefined }): JSX.Element {
  const { classes } = project.value!;
  return (
    <nav class="classes-list" aria-label="Classes">
      {classes.length > 0 ? (
        <ul>
          {classes.map(({ name, pictures, covers }) => (
            <li key={name}>
              <a href={hrefOf("pictures", name)} aria-current={name === current ? "page" : undefined}>
                <span class="cover">{covers[0] === undefined ? null : <Thumbnail id={covers[0]} alt="" />}</span>
                <span class="name">{name}</span>
                <span class="number" title={plural(pictures, "image")}>
                  {count(pictures)}
                </span>
              </a>
            </li>
          ))}
        </ul>
      ) : null}
      <NewClass />
    </nav>
  );
}

function NewClass(): JSX.Element {
  const [name, setName] = useState("");
  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted === "") return;
    const isMade = await attempt(async () => {
      await server.createClass(wanted);
      await refreshProject();
    });
    if (!isMade) return;
    setName("");
    go("pictures", wanted.normalize("NFC"));
  };
  return (
    <form class="new-class" onSubmit={create}>
      <label class="visually-hidden" for="new-class">
        Name of a new class
      </label>
      <input
        id="new-class"
        value={name}
        placeholder="New class"
        autocomplete="off"
        maxLength={100}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" disabled={name.trim() === ""}>
        Create
      </button>
    </form>
  );
}
