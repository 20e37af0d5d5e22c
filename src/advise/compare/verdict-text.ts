/** The text of a comparison's verdict: its reason, leads, needs and savings in sentences. Decides nothing. */
import type { Needs, StrategyTraining } from "./comparison.ts";
import type { Strategy } from "./comparison-runs.ts";
import {
  type ComparisonVerdict,
  FEWEST_EVALUATED,
  type Lead,
  NEGLIGIBLE,
  type Undecided,
} from "./comparison-verdict.ts";
import { type Curve, type CurvePoint, DOUBLINGS, MOST_FACTOR, type Savings } from "./training-ladder.ts";

/** The names of the strategies in sentences. */
export const strategyNames: Readonly<Record<Strategy, string>> = {
  probe: "a head on the frozen network",
  "fine-tune": "fine-tuning it",
  scratch: "a network from scratch",
};

const points = (share: number): string => (100 * share).toFixed(1);
const percent = (share: number): string => `${points(share)}%`;

/** A lead with its interval, and the range over splits if that is wider than the interval. */
export function leadText({ road: strategy, over, mean, interval: [low, high], bySeed }: Lead): string {
  const [least, most] = [Math.min(...bySeed), Math.max(...bySeed)];
  const range =
    bySeed.length > 1 && most - least > high - low
      ? `; ${points(least)} to ${points(most)} depending on the split`
      : "";
  return `${strategyNames[strategy]} is ${points(mean)} points ahead of ${strategyNames[over]} (95% interval ${points(low)} to ${points(high)}${range})`;
}

const choices = {
  transfer: "Transfer: train a head on the frozen network",
  "fine-tune": "Fine-tune: train the network's last stages too",
  scratch: "From scratch: pretrained features do not help here",
} as const;

const undecided: Readonly<Record<Undecided, string>> = {
  "too-few": `Undecided: fewer than ${FEWEST_EVALUATED} images for the evaluation, too few for a result beyond chance: add images`,
  "nothing-learned":
    "Undecided: no strategy beats always predicting the most frequent class by more than chance: check that the labels describe something visible, or add images",
  alike: "Undecided: the strategies are too similar for so few images: add images, or use the simplest, transfer",
  untrained: "Undecided",
};

/** The lead that supports a verdict: over the probe if something beats it, otherwise the probe's own. */
export function evidenceFor(of: ComparisonVerdict): Lead | undefined {
  const { verdict, leads } = of;
  if (of.verdict !== "undecided" && of.sooner) return of.sooner;
  const find = (strategy: Strategy, over: Strategy): Lead | undefined =>
    leads.find((lead) => lead.road === strategy && lead.over === over);
  if (verdict === "fine-tune") return find("fine-tune", "probe");
  if (verdict === "scratch") return find("scratch", "probe");
  return find("probe", "scratch") ?? leads[0];
}

/** Further facts that the text of a verdict mentions. */
export interface VerdictFacts {
  readonly savings: Savings | undefined;
  readonly training: readonly StrategyTraining[];
  readonly needs: Needs | undefined;
}

/** The verdict, its interval, and what transfer saves; or what is needed for a verdict. */
export function reasonOf(verdict: ComparisonVerdict, { savings, training, needs }: VerdictFacts): string {
  const evidence = evidenceFor(verdict);
  const support = evidence ? `: ${leadText(evidence)}` : "";
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
  if (verdict.nearMaximum !== undefined)
    return `${choices.transfer}: it gets ${percent(verdict.nearMaximum)} of the evaluation images right, so nothing could be more than ${points(NEGLIGIBLE)} points ahead.`;
  if (verdict.sooner) {
    const { pictures, of } = verdict.sooner;
    return `${choices[verdict.verdict]}${support} with ${pictures} images, and no measurable difference with all ${of}.`;
  }
  const rest = [furtherAhead(verdict), beatenText(evidence, training), savings && savingsText(savings)];
  return [`${choices[verdict.verdict]}${support}.`, ...rest.filter((text) => text !== undefined)].join(" ");
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What to pass for a verdict. */
export function needsText({ moreSeconds, budgetSeconds, moreEpochs }: Needs): string {
  const minutes = Math.max(1, Math.ceil(moreSeconds / 60));
  const more = `about ${minutes} more ${minutes === 1 ? "minute" : "minutes"}`;
  if (moreEpochs !== undefined) return `give --epochs ${moreEpochs}, ${more} here`;
  return budgetSeconds === undefined ? `give ${more}` : `give ${more} (--budget ${Math.round(budgetSeconds / 60)}m)`;
}

/** Which strategies could still win, and their progress. */
function openText(open: readonly Strategy[], training: readonly StrategyTraining[]): string {
  const each = open.map((strategy) => {
    const last = training.find((one) => one.road === strategy)?.trainings.at(-1);
    if (!last) return `${strategyNames[strategy]} had no time to train`;
    const learned = `${percent(last.trainAccuracy)} on its training images`;
    return `${strategyNames[strategy]} gets ${percent(last.accuracy)} right after ${last.epochs} epochs (${learned}) and is still improving`;
  });
  const could = open.length > 1 ? "each of them could still win" : "it could still win";
  return `${each.join("; ")}: ${could}`;
}

/** Why a verdict stands although a strategy's training had not ended: because it could not win. */
function beatenText(evidence: Lead | undefined, training: readonly StrategyTraining[]): string | undefined {
  const behind = training.find(({ road, flattened }) => road === evidence?.over && !flattened);
  const last = behind?.trainings.at(-1);
  if (!behind || !last) return undefined;
  const could = `with ${2 ** DOUBLINGS} times the training it could reach at most ${percent(behind.couldReach)}`;
  return `After ${last.epochs} epochs ${strategyNames[behind.road]} was still improving, so more training would shrink the lead; but ${could}.`;
}

/** Why transfer is the verdict although another strategy is ahead: by too little to be worth its time. */
function furtherAhead({ verdict, leads }: ComparisonVerdict): string | undefined {
  const ahead = leads.find(({ over, mean, interval }) => over === "probe" && (interval[0] > 0 || mean > NEGLIGIBLE));
  if (verdict !== "transfer" || !ahead) return undefined;
  if (ahead.interval[0] <= 0) return `That ${leadText(ahead)} may be chance: a larger --budget would tell.`;
  return `That ${leadText(ahead)} is not clearly more than the ${points(NEGLIGIBLE)} points that would justify its longer training.`;
}

const sentenceNames: Readonly<Record<Strategy, string>> = {
  probe: "A frozen network",
  "fine-tune": "Fine-tuning",
  scratch: "Scratch",
};

/** The epochs of a point, and whether training had ended. */
export function trainedText({ epochs, flattened }: Pick<CurvePoint, "epochs" | "flattened">): string {
  if (epochs === undefined) return "–";
  return flattened ? String(epochs) : `${epochs}, still improving`;
}

/** How many images the slower strategy would need. */
export function savingsText({ slower, factor, accuracy, pictures }: Savings): string {
  const times =
    factor >= MOST_FACTOR
      ? `more than ${MOST_FACTOR}×`
      : `about ${factor < 3 ? factor.toFixed(1) : factor.toFixed(0)}×`;
  return `${sentenceNames[slower]} would need ${times} the images to reach the ${percent(accuracy)} that take ${pictures} here.`;
}

/** The overfitting of each strategy, in a sentence. */
export function overfittingText(curves: readonly Curve[]): string {
  const each = curves.flatMap(({ road: strategy, points: own }) => {
    const last = own.at(-1);
    return last ? [`${strategyNames[strategy]} ${points(last.overfitting)}`] : [];
  });
  return `Overfitting, in points of accuracy between training and evaluation images: ${each.join(", ")}.`;
}
