/**
 * The race: networks look at more and more of the pictures, the worse half drops out after each rung, and all of it ends in time.
 * What a rung may hold is planned in ../halving/plan.ts; who stands where is worked out in standing.ts.
 */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { FIRST_OF_CLASS } from "../halving/order.ts";
import { type Plan, planRace, type Runner, survivors } from "../halving/plan.ts";
import type { Contestant, Gallery } from "./contestant.ts";
import { isBetter } from "./standing.ts";

export interface RaceOptions {
  /** Seconds from now on. */
  readonly seconds: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: (() => number) | undefined;
}

/** A network that was not looked at for want of time. */
export interface NoTime {
  readonly contestant: Contestant;
  /** That the least look at it would have taken. */
  readonly seconds: number;
}

/** Seconds for judging one picture's features, until a first judging has told: a probe's fits and the scores. */
export const JUDGING_GUESS = 0.004;
/** The share of the time that is planned for; the rest is for what a plan cannot know. */
const PLANNED_SHARE = 0.92;

/** Bytes of weights that may be open at once; beyond, each network is closed before the next looks at pictures. */
const OPEN_AT_ONCE = 1 << 30;

/** The fewest pictures that tell anything: a few of each class. */
export const fewestPictures = ({ classes, paths }: Gallery): number =>
  Math.min(paths.length, FIRST_OF_CLASS * classes.length);

/** Runs the race. What was found out is in the contestants; yields those for which there was no time. */
export async function race(
  contestants: readonly Contestant[],
  gallery: Gallery,
  options: RaceOptions,
): Promise<readonly NoTime[]> {
  const { now = () => performance.now(), signal } = options;
  const end = now() + options.seconds * 1000;
  const fewest = fewestPictures(gallery);
  const noTime: NoTime[] = [];
  let racing = [...contestants];
  let before = 0;
  for (let rung = 1; ; rung++) {
    const plan = planOf(racing, gallery, before, ((end - now()) / 1000) * PLANNED_SHARE);
    if (rung === 1) {
      for (const { name, seconds } of plan.tooSlow)
        noTime.push({ contestant: racing.find((one) => one.name === name)!, seconds });
      racing = racing.filter(({ name }) => plan.racing.includes(name));
    }
    const next = plan.rungs[0];
    // No time for all that are left, nothing left to see, or the step would be too small to tell more.
    if (!next || racing.length === 0 || (rung > 1 && (plan.tooSlow.length > 0 || next.pictures <= before)))
      return noTime;
    const judging = racing.reduce((sum, one) => sum + judgingPerPicture(one), 0) * next.pictures;
    const mayGoOn = (): boolean => now() < end - judging * 1000;
    const stage = stageOf(rung, racing, next.pictures);
    before = await runRung(racing, next.pictures, fewest, { ...options, mayGoOn, stage });
    signal?.throwIfAborted();
    if (before === gallery.paths.length) return noTime;
    racing = best(racing, survivors(racing.length), before);
  }
}

const stageOf = (rung: number, racing: readonly Contestant[], pictures: number): string =>
  `Round ${rung}: ${racing.length} network${racing.length === 1 ? "" : "s"} on ${pictures} images`;

/** What is left to do, as far as it is known. */
function planOf(racing: readonly Contestant[], { paths, classes }: Gallery, before: number, seconds: number): Plan {
  const fewest = FIRST_OF_CLASS * classes.length;
  const runners = racing.map((one): Runner => {
    const { name, cost, seen } = one;
    const secondsPerPicture = 1 / cost.overallPerSecond;
    return { name, secondsPerPicture, judgingPerPicture: judgingPerPicture(one), overhead: 0, seen };
  });
  // A rung that adds less than half of what was seen hardly tells more.
  const worthwhile = before === 0 ? fewest : Math.ceil(1.5 * before);
  return planRace(runners, { pictures: paths.length, fewest: worthwhile, seconds });
}

const judgingPerPicture = ({ judged }: Contestant): number =>
  judged ? judged.seconds / judged.pictures : JUDGING_GUESS;

interface RungOptions extends RaceOptions {
  readonly mayGoOn: () => boolean;
  readonly stage: string;
}

/** One rung; yields the pictures that all came to see, which are fewer than planned where time ran out. */
async function runRung(
  racing: readonly Contestant[],
  pictures: number,
  fewest: number,
  { onProgress, signal, mayGoOn, stage }: RungOptions,
): Promise<number> {
  const total = racing.reduce((sum, { seen }) => sum + Math.max(0, pictures - seen), 0);
  const meter = createMeter({ stage, unit: "images", total, onProgress });
  const isCrowded = racing.reduce((sum, { cost }) => sum + cost.sizeBytes, 0) > OPEN_AT_ONCE;
  for (const one of racing) {
    // The least that tells anything is seen whatever the clock says: else the race has no outcome.
    const needed = (): boolean => one.seen < fewest || mayGoOn();
    await one.see(pictures, { mayGoOn: needed, onPictures: (count) => meter.add(count), signal });
    if (isCrowded) await one.rest();
  }
  const common = Math.min(pictures, ...racing.map(({ seen }) => seen));
  for (const one of racing) {
    signal?.throwIfAborted();
    await one.judge(common, signal);
  }
  return common;
}

/** The best so many by what they answered to the same pictures. */
function best(racing: readonly Contestant[], count: number, pictures: number): Contestant[] {
  const answers = ({ judged }: Contestant) => ({ ...judged!, pictures });
  return [...racing].sort((a, b) => (isBetter(answers(a), answers(b)) ? -1 : 1)).slice(0, count);
}
