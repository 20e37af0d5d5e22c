/** The licence texts that must go with a copy of what they cover. */
import { readFile } from "node:fs/promises";
import { dataError, usageError } from "../base/errors.ts";
import { type FetchOptions, fetchNpmFiles } from "../hub/npm/npm-fetch.ts";
import { fluentEmoji, idOf, unicodeEmoji } from "../hub/npm/npm-packages.ts";
import type { Sample, SamplePicture } from "./sample-folder.ts";

/** The MIT licence with its copyright lines. */
export const mitLicence = (
  holders: readonly string[],
): string => `${holders.map((holder) => `Copyright (c) ${holder}`).join("\n")}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

// The sample "emoji": Microsoft's Fluent emoji in 3D, labelled by the nine groups of Unicode. A row of the table in
// samples.ts; how a sample becomes a folder is told in lay-out.ts.

const labels = "data-by-emoji.json";

/** 1,852 pictures in nine classes. Skin tones are left out: their group is that of the emoji without one. */
export const emojiSample: Sample = {
  name: "emoji",
  about: "3D emoji by Unicode group: smileys, people, animals, food, travel, activities, objects, symbols, flags",
  classes: 9,
  images: 1852,
  sources: [fluentEmoji, unicodeEmoji],
  attribution: `# Where these pictures come from

The pictures are Microsoft's Fluent emoji in 3D as published by LobeHub in the npm package \`${idOf(fluentEmoji)}\`,
256 × 256 WebP with alpha, unchanged; a file's name is its emoji's code points. The folders are the emoji groups of
Unicode as published in the npm package \`${idOf(unicodeEmoji)}\`. All of it is under the MIT licence:

${mitLicence(["Microsoft Corporation (Fluent emoji)", "2023 LobeHub (@lobehub/fluent-emoji-3d)", "2019 Mu-An Chiou (unicode-emoji-json)"])}`,
  async gather(options: FetchOptions) {
    const table = await fetchNpmFiles(unicodeEmoji, [labels], options);
    const pictures = await fetchNpmFiles(fluentEmoji, (path) => /^assets\/[0-9a-f-]+\.webp$/.test(path), options);
    return emojiPictures(JSON.parse(await readFile(table.get(labels)!, "utf8")), pictures);
  },
};

/**
 * The pictures that the table knows, with their group as class.
 *
 * @param table `data-by-emoji.json`: by emoji an object with a `group`
 * @param pictures `assets/<code points>.webp` → absolute path
 */
export function emojiPictures(table: unknown, pictures: ReadonlyMap<string, string>): readonly SamplePicture[] {
  if (typeof table !== "object" || table === null)
    throw dataError("The table of emoji is no JSON object: clear the cache.");
  return Object.entries(table).flatMap(([emoji, entry]: [string, unknown]) => {
    const name = `${codePoints(emoji)}.webp`;
    const source = pictures.get(`assets/${name}`);
    const group = typeof entry === "object" && entry !== null && "group" in entry ? entry.group : undefined;
    return source !== undefined && typeof group === "string" ? [{ class: folderName(group), name, source }] : [];
  });
}

/** "❤️" → "2764-fe0f". */
const codePoints = (emoji: string): string =>
  [...emoji].map((sign) => sign.codePointAt(0)!.toString(16).padStart(4, "0")).join("-");

/** "Smileys & Emotion" → "smileys-emotion". */
const folderName = (group: string): string =>
  group
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

// The table of sample datasets: what `graft sample` offers. A new one is a new row.

/** All samples; the first is the one to offer first. */
export const samples: readonly Sample[] = [emojiSample];

/** The sample of a name. Throws a GraftError (`usage`) that lists the names where there is none. */
export function findSample(name: string): Sample {
  const found = samples.find((sample) => sample.name === name);
  if (found) return found;
  throw usageError(
    `There is no sample ${JSON.stringify(name)}: choose ${samples.map((sample) => sample.name).join(" or ")}.`,
  );
}
