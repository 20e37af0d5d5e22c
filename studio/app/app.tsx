/** The frame around every page: navigation, the running training, undo, notices. */
import type { JSX } from "preact";
import { Compare } from "./pages/compare.tsx";
import { Images } from "./pages/images.tsx";
import { Results } from "./pages/results.tsx";
import { Train } from "./pages/train.tsx";
import { Try } from "./pages/try.tsx";
import { DropZone } from "./parts/drop-zone.tsx";
import { FolderQuestion } from "./parts/folder-question.tsx";
import { Messages } from "./parts/messages.tsx";
import { UploadBar } from "./parts/upload-bar.tsx";
import { hrefOf, type Route, route } from "./route.ts";
import { locked } from "./session.ts";
import { isConnected, project, running, runs } from "./state.ts";
import { undo } from "./undo.ts";

const tabs: readonly { readonly page: Route["page"]; readonly name: string }[] = [
  { page: "pictures", name: "Images" },
  { page: "train", name: "Train" },
  { page: "results", name: "Results" },
  { page: "try", name: "Try it" },
];

export function App(): JSX.Element {
  const here = route.value;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>("#main")?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <p class="brand">
          <img src="/icon.svg" alt="" width="26" height="26" />
          <span>
            Graft <span class="project">{project.value?.name ?? ""}</span>
          </span>
        </p>
        <nav aria-label="Steps">
          {tabs.map(({ page, name }) => {
            const isHere = page === here.page || (page === "results" && here.page === "compare");
            return (
              <a key={page} href={hrefOf(page)} aria-current={isHere ? "page" : undefined}>
                {name}
                {page === "train" && running.value ? (
                  <span class="pulse" role="img" aria-label="a training is running" />
                ) : null}
              </a>
            );
          })}
        </nav>
        <UndoButton />
      </header>
      {isConnected.value ? null : (
        <p class="offline" role="alert">
          The studio does not respond. Your work is safe. Start <code>graft studio</code> again and open the link that
          it prints.
        </p>
      )}
      {locked.value === null ? null : (
        <p class="offline" role="alert">
          {locked.value}
        </p>
      )}
      {project.value?.notices.map((notice) => (
        <p key={notice} class="offline" role="status">
          {notice}
        </p>
      ))}
      <main id="main" tabIndex={-1}>
        {project.value && runs.value ? (
          <Page here={here} />
        ) : locked.value === null ? (
          <p class="loading">Opening the project…</p>
        ) : null}
      </main>
      <UploadBar />
      <Messages />
      <DropZone />
      <FolderQuestion />
    </>
  );
}

function Page({ here }: { readonly here: Route }): JSX.Element {
  switch (here.page) {
    case "pictures":
      return <Images className={here.className} />;
    case "train":
      return <Train />;
    case "results":
      return <Results run={here.run} />;
    case "compare":
      return <Compare ids={here.runs} />;
    case "try":
      return <Try run={here.run} />;
  }
}

function UndoButton(): JSX.Element {
  const what = project.value?.undo ?? null;
  return (
    <button
      type="button"
      class="quiet undo"
      disabled={what === null}
      onClick={() => what && undo(what.id)}
      title={what === null ? "" : `Undo ${what.words}`}
    >
      Undo<span class="visually-hidden">{what === null ? " (nothing to undo)" : ` ${what.words}`}</span>
    </button>
  );
}
