/** The name and size of a class, with buttons to rename and remove it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { count, plural } from "../format.ts";
import { attempt, say } from "../messages.ts";
import { go } from "../route.ts";
import { server } from "../server.ts";
import { project, refreshProject } from "../state.ts";

export function ClassTitle({ name }: { readonly name: string }): JSX.Element {
  const [draft, setDraft] = useState<string | null>(null);
  const info = project.value!.classes.find((one) => one.name === name);
  const rename = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = draft!.trim().normalize("NFC");
    if (wanted === name || wanted === "") return setDraft(null);
    const isDone = await attempt(async () => {
      await server.renameClass(name, wanted);
      await refreshProject();
    });
    if (!isDone) return;
    setDraft(null);
    go("pictures", wanted);
  };
  const remove = (): Promise<boolean> =>
    attempt(async () => {
      const { change } = await server.removeClass(name);
      await refreshProject();
      say.done(`Class “${name}” removed, with ${plural(info?.pictures ?? 0, "image")}.`, change);
    });
  if (draft !== null) {
    return (
      <form class="class-title" onSubmit={rename}>
        <label class="visually-hidden" for="rename">
          New name of the class {name}
        </label>
        <input
          id="rename"
          value={draft}
          maxLength={100}
          autocomplete="off"
          ref={(input) => {
            if (input && document.activeElement !== input) input.focus();
          }}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && setDraft(null)}
        />
        <button type="submit">Rename</button>
        <button type="button" class="quiet" onClick={() => setDraft(null)}>
          Cancel
        </button>
      </form>
    );
  }
  return (
    <div class="class-title">
      <h1>{name}</h1>
      <p class="muted">
        {plural(info?.pictures ?? 0, "image")}
        {info && info.apart > 0 ? `, ${count(info.apart)} of them only for testing` : ""}
      </p>
      <span class="actions">
        <button type="button" class="quiet" onClick={() => setDraft(name)}>
          Rename
        </button>
        <button type="button" class="quiet" onClick={remove}>
          Remove class
        </button>
      </span>
    </div>
  );
}
