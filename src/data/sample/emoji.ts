/**
 * The sample "emoji": Microsoft's Fluent emoji in 3D, labelled by the nine groups of Unicode. A row of the table in
 * samples.ts; how a sample becomes a folder is told in lay-out.ts.
 */
import { readFile } from "node:fs/promises";
import { dataError } from "../../base/errors.ts";
import { type FetchOptions, fetchNpmFiles } from "../../hub/npm/fetch.ts";
import { fluentEmoji, idOf, unicodeEmoji } from "../../hub/npm/packages.ts";
import { mitLicence } from "./licences.ts";
import type { Sample, SamplePicture } from "./sample.ts";

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
