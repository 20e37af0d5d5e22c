/** The text of a recommendation: the reason in one sentence, and the command to run next. */
import type { Baseline } from "./gallery.ts";
import type { RankedNetwork, RankingReason } from "./standing.ts";

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
const points = (share: number): string => {
  const value = (100 * share).toFixed(1);
  return `${value} point${value === "1.0" ? "" : "s"}`;
};

/** Names joined with commas and "and". */
const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** Below this number of images the text calls them too few. */
const FEW_PICTURES = 150;

/** The reason in one sentence. */
export function reasonFor(
  why: RankingReason,
  chosen: RankedNetwork | undefined,
  baseline: Baseline,
  pictures: number,
): string {
  switch (why.kind) {
    case "nothing-learned":
      return (
        `No network beats always predicting "${baseline.class}" (${percent(baseline.accuracy)}) on ${pictures} images by more than chance: ` +
        `check that the labels describe something visible, or add images.`
      );
    case "best":
      return why.second === undefined
        ? `${chosen!.name} is the only network in the race, and it beats always predicting "${baseline.class}" (${percent(baseline.accuracy)}).`
        : `${chosen!.name} is the most accurate, ${points(why.lead)} ahead of ${why.second} on the same images, which is more than chance.`;
    case "cheaper":
      return (
        `${chosen!.name} is ${why.faster.toFixed(1)} times as fast as ${why.leader} and ` +
        `${why.behind <= 0 ? "no less accurate" : `only ${points(why.behind)} behind it`}, a difference within chance on ${pictures} images.`
      );
    case "tied":
      return (
        `${chosen!.name} came out best, but ${pictures < FEW_PICTURES ? `${pictures} images are too few to tell it from` : `the ${pictures} images cannot tell it from`} ` +
        `${listed(why.others)}: any of them may be the best.`
      );
  }
}

/** A word quoted for the shell. */
const quoted = (word: string): string => (/^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The command that trains on the dataset with a network, or another command on both. */
export const nextCommand = (dataset: string, network: string, command = "train"): string =>
  `graft ${command} ${quoted(dataset)} --network ${quoted(network)}`;
