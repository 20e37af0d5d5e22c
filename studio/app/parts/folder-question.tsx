/** Asks whether a folder of folders is one class, or one class per folder. */
import type { JSX } from "preact";
import { type Answer, folderQuestion } from "../arrangement.ts";
import { listed, plural } from "../format.ts";
import { Dialog } from "./dialog.tsx";

/** The number of names to show; the rest are counted. */
const SHOWN = 5;

export function FolderQuestion(): JSX.Element | null {
  const question = folderQuestion.value;
  if (!question) return null;
  const { folder, classes, reply } = question;
  const names = classes.slice(0, SHOWN).map((name) => `“${name}”`);
  if (classes.length > SHOWN) names.push(`${classes.length - SHOWN} more`);
  const answer = (is: Answer) => () => reply(is);
  return (
    <Dialog title={`What is in “${folder}”?`} onClose={() => reply(undefined)}>
      <p>
        The folder contains {plural(classes.length, "folder")}: {listed(names)}.
      </p>
      <div class="row">
        <button type="button" class="primary" onClick={answer("classes")}>
          {classes.length === 1 ? "One class with that name" : `${classes.length} classes, one per folder`}
        </button>
        <button type="button" onClick={answer("class")}>
          One class, “{folder}”
        </button>
      </div>
    </Dialog>
  );
}
