/** The table of sample datasets: what `graft sample` offers. A new one is a new row. */
import { usageError } from "../../base/errors.ts";
import { emojiSample } from "./emoji.ts";
import type { Sample } from "./sample.ts";

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
