/** The road without a pretrained network: a small one that learns from nothing, its learning rate and augmentation tuned. */
import { createMeter, type OnProgress } from "../../../base/progress.ts";
import { createRandom } from "../../../base/random.ts";
import { type AugmentationName, augmentations } from "../../../data/augment/policy.ts";
import { stratifiedSplit } from "../../../data/split.ts";
import { type Sized, sizedFor } from "../scratch/architecture.ts";
import { freshNetwork } from "../scratch/network.ts";
import { type Pixels, readPixels } from "../scratch/pixels.ts";
import { trainFromScratch } from "../scratch/train.ts";
import { rightIn, shareOf, type TakeRoad } from "./road.ts";

/** What tuning chooses. */
export interface Settings {
  readonly learningRate: number;
  readonly augment: AugmentationName;
}

/** How one setting fared in tuning. */
export interface Tried extends Settings {
  readonly accuracy: number;
}

export interface ScratchRoad {
  readonly take: TakeRoad;
  readonly sized: Sized;
  readonly tried: readonly Tried[];
  readonly settings: Settings;
}

export interface ScratchInput {
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  /** The group of each image. */
  readonly groups: Int32Array;
  readonly classes: number;
  /** Training pictures, by their places, that settings are tuned on. */
  readonly tuneOn: readonly number[];
  readonly tuningSeconds: number;
  /** What varies pictures of such a dataset by default. */
  readonly augment: AugmentationName;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Views of each picture where they vary. */
const VIEWS = 4;
const BATCH = 32;
/** Rounds over all pictures, at the most. */
const MOST_EPOCHS = 150;
const FIRST_RATE = 0.004;
const OTHER_RATES = [0.0015, 0.01];
const VALIDATION_SHARE = 0.2;

/**
 * What tuning settles on: the first that was tried, unless a later one is ahead by more than the standard error of their difference.
 * In the short time of tuning all may be near chance, and what varies pictures may change what they show: a bar's angle, mirrored,
 * is another.
 */
export function chosenOf(tried: readonly Tried[], judged: number): Tried | undefined {
  const error = (a: number, b: number): number => Math.sqrt((a * (1 - a) + b * (1 - b)) / judged);
  return tried.reduce<Tried | undefined>(
    (most, one) => (most && one.accuracy - most.accuracy <= error(one.accuracy, most.accuracy) ? most : one),
    undefined,
  );
}

/** Prepares the road: reads the pictures small, and tunes on some of them. */
export async function scratchRoad(input: ScratchInput): Promise<ScratchRoad> {
  const { paths, labels, groups, classes, tuneOn, tuningSeconds, augment, onProgress, signal } = input;
  const sized = sizedFor(paths.length);
  const known = new Map<AugmentationName, Promise<Pixels>>();
  const pixelsOf = (name: AugmentationName): Promise<Pixels> => {
    const views = name === "none" ? 1 : VIEWS;
    const found =
      known.get(name) ?? readPixels(paths, { side: sized.side, policy: augmentations[name], views, seed: 0, signal });
    known.set(name, found);
    return found;
  };
  let reading = performance.now();
  const plain = await pixelsOf("none");
  reading = (performance.now() - reading) / 1000 / paths.length;

  const train = async (
    learn: readonly number[],
    asked: readonly (readonly number[])[],
    { learningRate, augment: policy }: Settings,
    { seconds, seed, stage }: { readonly seconds: number; readonly seed: number; readonly stage: string },
  ): Promise<{ right: Uint8Array[]; seconds: number }> => {
    const pixels = await pixelsOf(policy);
    const began = performance.now();
    const fresh = await freshNetwork(sized, classes, Math.min(BATCH, learn.length), createRandom(seed));
    let meter: ReturnType<typeof createMeter> | undefined;
    const trained = await trainFromScratch(
      fresh,
      learn.map((row) => pixels[row]!),
      learn.map((row) => labels[row]!),
      {
        ...{ batch: Math.min(BATCH, learn.length), learningRate, epochs: MOST_EPOCHS, seed, signal },
        seconds: seconds - (performance.now() - began) / 1000,
        onStep: (done, steps) => {
          meter ??= createMeter({ stage, unit: "steps", total: steps, onProgress });
          meter.set(Math.min(done, steps));
        },
      },
    );
    const took = (performance.now() - began) / 1000;
    const right: Uint8Array[] = [];
    for (const rows of asked) {
      const answers = await trained.answer(rows.map((row) => plain[row]!));
      right.push(
        rightIn(
          answers,
          rows.map((row) => labels[row]!),
        ),
      );
    }
    return { right, seconds: took };
  };

  const { kept, held } = stratifiedSplit(
    tuneOn.map((row) => labels[row]!),
    VALIDATION_SHARE,
    createRandom(0),
    tuneOn.map((row) => groups[row]!),
  );
  const [learn, validation] = [kept.map((i) => tuneOn[i]!), held.map((i) => tuneOn[i]!)];
  const tried: Tried[] = [];
  const attempt = async (settings: Settings): Promise<void> => {
    if (validation.length === 0) return;
    const { right } = await train(learn, [validation], settings, {
      ...{ seconds: tuningSeconds / 4, seed: 0, stage: "Tuning the network from scratch" },
    });
    tried.push({ ...settings, accuracy: shareOf(right[0]!) });
  };
  const best = (): Settings =>
    chosenOf(tried, validation.length) ?? {
      learningRate: FIRST_RATE,
      augment: "none",
    };
  for (const name of new Set<AugmentationName>(["none", augment]))
    await attempt({ learningRate: FIRST_RATE, augment: name });
  const chosen = best().augment;
  for (const learningRate of OTHER_RATES) await attempt({ learningRate, augment: chosen });
  const { learningRate, augment: policy } = best();
  const settings = { learningRate, augment: policy };
  return {
    sized,
    tried,
    settings,
    async take({ learn: own, judged, seed, seconds }) {
      const stage = `From scratch on ${own.length} images`;
      const { right, seconds: took } = await train(own, [judged, own], settings, { seconds, seed: seed + 1, stage });
      const views = policy === "none" ? 1 : VIEWS;
      return {
        correct: right[0]!,
        trainAccuracy: shareOf(right[1]!),
        seconds: took + own.length * reading * views,
      };
    },
  };
}
