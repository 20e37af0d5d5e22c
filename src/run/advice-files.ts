/**
 * What a comparison and a recommendation come to outside of this process: the object that is printed and written, the files, and the
 * command that follows. How the pages are drawn is for the caller to say.
 */
import { join } from "node:path";
import type { Comparison } from "../advise/compare/comparison.ts";
import type { Recommendation } from "../advise/recommend/recommendation.ts";
import { nextCommand } from "../advise/recommend/words.ts";
import { makeFolder, writeWhole } from "../base/files.ts";
import type { Ignored } from "../data/dataset/discover.ts";

/** What was found, with what else is to be said of it. */
interface Context {
  /** The command to run next; nothing where there is none. */
  readonly next: string | undefined;
  /** Files and folders of the dataset that did not take part. */
  readonly ignored: readonly Ignored[];
}

/** The command that follows from a verdict, or leads to one; nothing where Graft has none for it. */
export function commandAfter(
  { verdict, unfreeze, needs, scratch }: Comparison,
  dataset: string,
  network: string,
): string | undefined {
  const again = nextCommand(dataset, network, "compare");
  if (verdict === "transfer") return nextCommand(dataset, network);
  if (verdict === "fine-tune") return `${nextCommand(dataset, network)} --unfreeze ${unfreeze}`;
  if (verdict === "scratch" && scratch) {
    const { name, learningRate, augment, epochs: count } = scratch;
    return `${nextCommand(dataset, name)} --from-scratch --learning-rate ${learningRate} --augment ${augment} --epochs ${count}`;
  }
  if (needs?.budgetSeconds !== undefined) return `${again} --budget ${Math.round(needs.budgetSeconds / 60)}m`;
  return needs?.moreEpochs === undefined ? undefined : `${again} --epochs ${needs.moreEpochs}`;
}

/** The object of `graft compare --json`. */
export function comparisonFacts(found: Comparison, { next, ignored }: Context) {
  const { verdict, roads, evidence, savings, scratch, gap, needs, budgetSeconds, epochs, ...rest } = found;
  return {
    verdict,
    ...rest,
    evidence: evidence ?? null,
    savings: savings ?? null,
    scratch: scratch ?? null,
    gap: gap ?? null,
    needs: needs ?? null,
    budgetSeconds: budgetSeconds ?? null,
    epochs: epochs ?? null,
    next: next ?? null,
    roads,
    ignored,
  };
}

/** The object of `graft recommend --json`. */
export function recommendationFacts(found: Recommendation, { next, ignored }: Context) {
  const { recommended, candidates, ...rest } = found;
  return { recommended: recommended ?? null, ...rest, gap: rest.gap ?? null, next: next ?? null, candidates, ignored };
}

/** Writes `comparison.json` and `comparison.html`, or those of a recommendation; returns the path of the page. */
export async function writeAdvice(
  folder: string,
  name: "comparison" | "recommendation",
  { facts, page }: { readonly facts: object; readonly page: string },
): Promise<string> {
  const path = join(folder, `${name}.html`);
  await makeFolder(folder);
  await writeWhole(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
  await writeWhole(path, page);
  return path;
}
