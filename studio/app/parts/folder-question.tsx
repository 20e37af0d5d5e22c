/** Asks whether a folder of folders is one class, or whether the folders in it are the classes. */
import type { JSX } from "preact";
import { type Answer, folderQuestion } from "../arrangement.ts";
import { listed, plural } from "../words.ts";
import { Dialog } from "./dialog.tsx";

/** Names that are shown; the rest is counted. */
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
        The folder holds {plural(classes.length, "folder")}: {listed(names)}.
      </p>
      <div class="row">
        <button type="button" class="primary" onClick={answer("classes")}>
          {classes.length === 1 ? "A class of that name" : `${classes.length} classes, one a folder`}
        </button>
        <button type="button" onClick={answer("class")}>
          One class, “{folder}”
        </button>
      </div>
    </Dialog>
  );
}
