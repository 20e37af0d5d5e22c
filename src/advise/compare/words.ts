/** A verdict in words. */
import { type Curve, MOST_FACTOR, type Savings } from "./curve.ts";
import type { Road } from "./run.ts";
import { FEWEST_JUDGED, type Lead, NEGLIGIBLE, type Undecided, type Verdict } from "./verdict.ts";

/** What roads are called in sentences. */
export const roadNames: Readonly<Record<Road, string>> = {
  probe: "a head on the frozen network",
  "fine-tune": "fine-tuning it",
  scratch: "a network from scratch",
};

const points = (share: number): string => (100 * share).toFixed(1);
const percent = (share: number): string => `${points(share)}%`;

/** A lead with its interval, and those of the single dealings where they are further apart than it is wide. */
export function leadText({ road, over, mean, interval: [low, high], bySeed }: Lead): string {
  const [least, most] = [Math.min(...bySeed), Math.max(...bySeed)];
  const dealings =
    bySeed.length > 1 && most - least > high - low
      ? `; ${points(least)} to ${points(most)} from one dealing of the pictures to another`
      : "";
  return `${roadNames[road]} is ${points(mean)} points ahead of ${roadNames[over]} (95% interval ${points(low)} to ${points(high)}${dealings})`;
}

const choices = {
  transfer: "Transfer: train a head on the frozen network",
  "fine-tune": "Fine-tune: train the network's last stages too",
  scratch: "From scratch: pretrained features do not help here",
} as const;

const undecided: Readonly<Record<Undecided, string>> = {
  "too-few": `Can't tell yet: fewer than ${FEWEST_JUDGED} pictures could be judged, and so few can turn out any way by chance: add pictures`,
  "nothing-learned":
    "Can't tell: no road beats always answering the most frequent class by more than chance: check that the labels say something that can be seen, or add pictures",
  alike:
    "Can't tell yet: the roads are too much alike for so few pictures: add pictures, or take the simplest, transfer",
  unfitted:
    "Can't tell yet: the network from scratch has had too little time to learn even the pictures that it was shown: give a larger --budget",
  missing: "Can't tell yet: there was no time for all roads: give a larger --budget",
};

/** The lead that backs a verdict: over the probe where something beats it, else the probe's own. */
export function evidenceFor(of: Verdict): Lead | undefined {
  const { verdict, leads } = of;
  if (of.verdict !== "undecided" && of.sooner) return of.sooner;
  const find = (road: Road, over: Road): Lead | undefined =>
    leads.find((lead) => lead.road === road && lead.over === over);
  if (verdict === "fine-tune") return find("fine-tune", "probe");
  if (verdict === "scratch") return find("scratch", "probe");
  return find("probe", "scratch") ?? leads[0];
}

/** The verdict, the interval that backs it, and what transfer saves. */
export function reasonOf(verdict: Verdict, savings: Savings | undefined): string {
  const evidence = evidenceFor(verdict);
  const backed = evidence ? `: ${leadText(evidence)}` : "";
  if (verdict.verdict === "undecided") return `${undecided[verdict.why]}${evidence ? ` (${leadText(evidence)})` : ""}.`;
  if (verdict.sooner) {
    const { pictures, of } = verdict.sooner;
    return `${choices[verdict.verdict]}${backed} with ${pictures} images, and as good as can be told with all ${of}.`;
  }
  const rest = [furtherAhead(verdict), savings && savingsText(savings)].filter((text) => text !== undefined);
  return [`${choices[verdict.verdict]}${backed}.`, ...rest].join(" ");
}

/** Where transfer is the verdict though another road is ahead, by too little to be surely worth its time. */
function furtherAhead({ verdict, leads }: Verdict): string | undefined {
  const ahead = leads.find(({ over, mean, interval }) => over === "probe" && (interval[0] > 0 || mean > NEGLIGIBLE));
  if (verdict !== "transfer" || !ahead) return undefined;
  if (ahead.interval[0] <= 0) return `That ${leadText(ahead)} may be chance: a larger --budget tells.`;
  return `That ${leadText(ahead)} is not surely more than the ${points(NEGLIGIBLE)} points that its longer training should bring.`;
}

const catchesUp: Readonly<Record<Road, string>> = {
  probe: "A frozen network",
  "fine-tune": "Fine-tuning",
  scratch: "Scratch",
};

/** What the slower road would need. */
export function savingsText({ slower, factor, accuracy, pictures }: Savings): string {
  const times =
    factor >= MOST_FACTOR
      ? `more than ${MOST_FACTOR}×`
      : `about ${factor < 3 ? factor.toFixed(1) : factor.toFixed(0)}×`;
  return `${catchesUp[slower]} would need ${times} the images for the ${percent(accuracy)} that ${pictures} are enough for.`;
}

/** How much each road learned by heart, in a sentence. */
export function overfittingText(curves: readonly Curve[]): string {
  const each = curves.flatMap(({ road, points: own }) => {
    const last = own.at(-1);
    return last ? [`${roadNames[road]} ${points(last.overfitting)}`] : [];
  });
  return `Points between the pictures that were learned from and those that were not: ${each.join(", ")}.`;
}
