/** A verdict in words. */
import type { Needs, StrategyTraining } from "./comparison.ts";
import { type Curve, MOST_FACTOR, type Point, type Savings } from "./curve.ts";
import { DOUBLINGS } from "./ladder.ts";
import type { Strategy } from "./run.ts";
import { FEWEST_JUDGED, type Lead, NEGLIGIBLE, type Undecided, type Verdict } from "./verdict.ts";

/** What strategies are called in sentences. */
export const strategyNames: Readonly<Record<Strategy, string>> = {
  probe: "a head on the frozen network",
  "fine-tune": "fine-tuning it",
  scratch: "a network from scratch",
};

const points = (share: number): string => (100 * share).toFixed(1);
const percent = (share: number): string => `${points(share)}%`;

/** A lead with its interval, and those of the single splits where they are further apart than it is wide. */
export function leadText({ road, over, mean, interval: [low, high], bySeed }: Lead): string {
  const [least, most] = [Math.min(...bySeed), Math.max(...bySeed)];
  const dealings =
    bySeed.length > 1 && most - least > high - low
      ? `; ${points(least)} to ${points(most)} from one split of the images to another`
      : "";
  return `${strategyNames[road]} is ${points(mean)} points ahead of ${strategyNames[over]} (95% interval ${points(low)} to ${points(high)}${dealings})`;
}

const choices = {
  transfer: "Transfer: train a head on the frozen network",
  "fine-tune": "Fine-tune: train the network's last stages too",
  scratch: "From scratch: pretrained features do not help here",
} as const;

const undecided: Readonly<Record<Undecided, string>> = {
  "too-few": `Undecided: fewer than ${FEWEST_JUDGED} images could be judged, and so few can turn out any way by chance: add images`,
  "nothing-learned":
    "Undecided: no strategy beats always answering the most frequent class by more than chance: check that the labels say something that can be seen, or add images",
  alike: "Undecided: the strategies are too much alike for so few images: add images, or take the simplest, transfer",
  untrained: "Undecided",
};

/** The lead that backs a verdict: over the probe where something beats it, else the probe's own. */
export function evidenceFor(of: Verdict): Lead | undefined {
  const { verdict, leads } = of;
  if (of.verdict !== "undecided" && of.sooner) return of.sooner;
  const find = (road: Strategy, over: Strategy): Lead | undefined =>
    leads.find((lead) => lead.road === road && lead.over === over);
  if (verdict === "fine-tune") return find("fine-tune", "probe");
  if (verdict === "scratch") return find("scratch", "probe");
  return find("probe", "scratch") ?? leads[0];
}

/** What a verdict is told with. */
export interface Grounds {
  readonly savings: Savings | undefined;
  readonly training: readonly StrategyTraining[];
  readonly needs: Needs | undefined;
}

/** The verdict, the interval that backs it, and what transfer saves; or what is needed for one. */
export function reasonOf(verdict: Verdict, { savings, training, needs }: Grounds): string {
  const evidence = evidenceFor(verdict);
  const backed = evidence ? `: ${leadText(evidence)}` : "";
  if (verdict.verdict === "undecided") {
    const cause = undecided[verdict.why];
    const soFar = evidence ? `So far, ${leadText(evidence)}.` : undefined;
    if (verdict.why !== "untrained") {
      const more = needs && `${capital(needsText(needs))}: ${openText(needs.roads, training)}.`;
      return [`${cause}.`, soFar, more].filter((text) => text !== undefined).join(" ");
    }
    return [
      needs ? `${cause}: ${needsText(needs)}.` : `${cause}.`,
      needs && `${capital(openText(needs.roads, training))}.`,
      soFar,
    ]
      .filter((text) => text !== undefined)
      .join(" ");
  }
  if (verdict.noRoom !== undefined)
    return `${choices.transfer}: it gets ${percent(verdict.noRoom)} of the judged images right, so that nothing could be more than ${points(NEGLIGIBLE)} points ahead.`;
  if (verdict.sooner) {
    const { pictures, of } = verdict.sooner;
    return `${choices[verdict.verdict]}${backed} with ${pictures} images, and as good as can be told with all ${of}.`;
  }
  const rest = [furtherAhead(verdict), beatenText(evidence, training), savings && savingsText(savings)];
  return [`${choices[verdict.verdict]}${backed}.`, ...rest.filter((text) => text !== undefined)].join(" ");
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What to do for a verdict. */
export function needsText({ moreSeconds, budgetSeconds, moreEpochs }: Needs): string {
  const minutes = Math.max(1, Math.ceil(moreSeconds / 60));
  const more = `about ${minutes} more ${minutes === 1 ? "minute" : "minutes"}`;
  if (moreEpochs !== undefined) return `give --epochs ${moreEpochs}, ${more} here`;
  return budgetSeconds === undefined ? `give ${more}` : `give ${more} (--budget ${Math.round(budgetSeconds / 60)}m)`;
}

/** Which strategies could still win, and how far they are. */
function openText(open: readonly Strategy[], training: readonly StrategyTraining[]): string {
  const each = open.map((road) => {
    const last = training.find((one) => one.road === road)?.trainings.at(-1);
    if (!last) return `${strategyNames[road]} had no time to train`;
    const learned = `${percent(last.trainAccuracy)} of the images that it learned from`;
    return `${strategyNames[road]} gets ${percent(last.accuracy)} right after ${last.epochs} epochs (${learned}), its curve has not flattened`;
  });
  const could = open.length > 1 ? "each of them could still win" : "it could still win";
  return `${each.join("; ")}: ${could}`;
}

/** Where a verdict stands though a strategy's training had not ended: because it could not win. */
function beatenText(evidence: Lead | undefined, training: readonly StrategyTraining[]): string | undefined {
  const behind = training.find(({ road, flattened }) => road === evidence?.over && !flattened);
  const last = behind?.trainings.at(-1);
  if (!behind || !last) return undefined;
  const could = `with ${2 ** DOUBLINGS} times the training it could reach ${percent(behind.couldReach)} at most`;
  return `After ${last.epochs} epochs ${strategyNames[behind.road]} was still improving, so that the lead would shrink with more; but ${could}.`;
}

/** Where transfer is the verdict though another strategy is ahead, by too little to be surely worth its time. */
function furtherAhead({ verdict, leads }: Verdict): string | undefined {
  const ahead = leads.find(({ over, mean, interval }) => over === "probe" && (interval[0] > 0 || mean > NEGLIGIBLE));
  if (verdict !== "transfer" || !ahead) return undefined;
  if (ahead.interval[0] <= 0) return `That ${leadText(ahead)} may be chance: a larger --budget tells.`;
  return `That ${leadText(ahead)} is not surely more than the ${points(NEGLIGIBLE)} points that its longer training should bring.`;
}

const catchesUp: Readonly<Record<Strategy, string>> = {
  probe: "A frozen network",
  "fine-tune": "Fine-tuning",
  scratch: "Scratch",
};

/** How long the trainings of a point were, and whether they had ended. */
export function trainedText({ epochs, flattened }: Pick<Point, "epochs" | "flattened">): string {
  if (epochs === undefined) return "–";
  return flattened ? String(epochs) : `${epochs}, still improving`;
}

/** What the slower strategy would need. */
export function savingsText({ slower, factor, accuracy, pictures }: Savings): string {
  const times =
    factor >= MOST_FACTOR
      ? `more than ${MOST_FACTOR}×`
      : `about ${factor < 3 ? factor.toFixed(1) : factor.toFixed(0)}×`;
  return `${catchesUp[slower]} would need ${times} the images for the ${percent(accuracy)} that ${pictures} are enough for.`;
}

/** How much each strategy learned by heart, in a sentence. */
export function overfittingText(curves: readonly Curve[]): string {
  const each = curves.flatMap(({ road, points: own }) => {
    const last = own.at(-1);
    return last ? [`${strategyNames[road]} ${points(last.overfitting)}`] : [];
  });
  return `Points between the images that were learned from and those that were not: ${each.join(", ")}.`;
}
