/** A recommendation in words: one sentence for the reason, and the command to run next. */
import type { Baseline } from "./recommendation.ts";
import type { Standing, Why } from "./standing.ts";

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
const points = (share: number): string => {
  const value = (100 * share).toFixed(1);
  return `${value} point${value === "1.0" ? "" : "s"}`;
};

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** Below this many pictures they are called few. */
const FEW_PICTURES = 150;

/** The reason in one sentence. */
export function reasonFor(why: Why, chosen: Standing | undefined, baseline: Baseline, pictures: number): string {
  switch (why.kind) {
    case "nothing-learned":
      return (
        `No network beats always answering "${baseline.class}" (${percent(baseline.accuracy)}) on ${pictures} pictures by more than chance: ` +
        `check that the labels say something that can be seen, or add pictures.`
      );
    case "best":
      return why.second === undefined
        ? `${chosen!.name} is the only network that took part, and it beats always answering "${baseline.class}" (${percent(baseline.accuracy)}).`
        : `${chosen!.name} is the most accurate, ${points(why.lead)} ahead of ${why.second} on the same pictures, which is more than chance.`;
    case "cheaper":
      return (
        `${chosen!.name} is ${why.faster.toFixed(1)} times as fast as ${why.leader} and ` +
        `${why.behind <= 0 ? "no less accurate" : `only ${points(why.behind)} behind it`}, which the ${pictures} pictures cannot tell from chance.`
      );
    case "tied":
      return (
        `${chosen!.name} came out best, but ${pictures < FEW_PICTURES ? `${pictures} pictures are too few to tell it from` : `the ${pictures} pictures cannot tell it from`} ` +
        `${listed(why.others)}: any of them may be the best.`
      );
  }
}

/** A word as a shell takes it whole. */
const quoted = (word: string): string => (/^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The command that trains on the dataset with a network, or does something else with both. */
export const nextCommand = (dataset: string, network: string, command = "train"): string =>
  `graft ${command} ${quoted(dataset)} --network ${quoted(network)}`;
