/** A note in a folder of records that says to people what they are of. Nothing goes by it. */
import { join } from "node:path";
import * as v from "valibot";
import { inspectSealedJson, writeSealedJson } from "../../base/sealed.ts";

const NOTE = "about.json";
const schema = v.object({ about: v.string() });

/** What a folder's records are of; nothing where nobody noted it. */
export async function readAbout(folder: string): Promise<string | undefined> {
  const found = await inspectSealedJson(join(folder, NOTE), schema).catch(() => undefined);
  return found?.kind === "whole" ? found.value.about : undefined;
}

/** Notes what a folder's records are of, the first time. On a disk that cannot be written nothing is noted. */
export async function noteAbout(folder: string, about: string): Promise<void> {
  if ((await readAbout(folder)) === about) return;
  await writeSealedJson(join(folder, NOTE), { about }).catch(() => {});
}
