/**
 * What an artifact says of its own answers: whether a picture is like nothing it was trained on, and which classes cannot be ruled out.
 * The rules are in its metadata; artifacts of earlier versions have none, and then nothing is said.
 */
import { type Conformal, conformalSet } from "../evaluate/conformal.ts";
import { artifactKeys, type NoveltyRule } from "./contract.ts";

/** The rules in an artifact's metadata. */
export interface Trust {
  readonly novelty?: NoveltyRule;
  readonly conformal?: Conformal;
}

/** How far an answer is to be trusted. */
export interface Doubt {
  /** Whether the picture is unlike everything that the model was trained on: then its class means nothing. */
  readonly unknown?: boolean;
  /** How unlike the training pictures it is: unknown above the rule's threshold. */
  readonly novelty?: number;
  /** The classes that cannot be ruled out, most probable first; see `evaluate/conformal.ts`. */
  readonly set?: readonly string[];
}

/** Reads the rules. Metadata that is not of this form says nothing. */
export function trustIn(metadata: ReadonlyMap<string, string>): Trust {
  const novelty = numbersIn(metadata.get(artifactKeys.novelty), [
    "threshold",
    "falseAlarmRate",
    "neighbours",
    "fittedOn",
  ]);
  const conformal = numbersIn(metadata.get(artifactKeys.conformal), ["coverage", "threshold", "calibratedOn"]);
  return { ...(novelty ? { novelty } : {}), ...(conformal ? { conformal } : {}) };
}

/**
 * Judges an answer by the rules.
 *
 * @param novelty the artifact's output of that name for this picture
 * @param probabilities `[C]`
 */
export function doubtOf(
  { novelty: rule, conformal }: Trust,
  classes: readonly string[],
  { probabilities, novelty }: { readonly probabilities: Float32Array; readonly novelty: number | undefined },
): Doubt {
  return {
    ...(rule && novelty !== undefined ? { unknown: novelty > rule.threshold, novelty } : {}),
    ...(conformal ? { set: conformalSet(probabilities, conformal).map((label) => classes[label]!) } : {}),
  };
}

/** A JSON object of which all the keys are finite numbers. */
function numbersIn<K extends string>(text: string | undefined, keys: readonly K[]): Record<K, number> | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<K, unknown>> | null;
    const isWhole = keys.every((key) => Number.isFinite(value?.[key]));
    return isWhole ? (Object.fromEntries(keys.map((key) => [key, value![key]])) as Record<K, number>) : undefined;
  } catch {
    return undefined;
  }
}
