/**
 * The uncertainty of a prediction: whether the image is unlike everything the model was trained on, and which classes cannot be ruled
 * out. The rules are in the artifact's metadata; artifacts of earlier versions have none, and then nothing is reported.
 */
import { type Conformal, conformalSet } from "../evaluate/conformal.ts";
import { artifactKeys, type NoveltyRule } from "./contract.ts";

/** The rules in an artifact's metadata. */
export interface UncertaintyRules {
  readonly novelty?: NoveltyRule | undefined;
  readonly conformal?: Conformal | undefined;
}

/** The uncertainty of one prediction. */
export interface Doubt {
  /** Whether the image is unlike everything that the model was trained on: then its class means nothing. */
  readonly unknown?: boolean | undefined;
  /** The out-of-distribution score: unknown above the rule's threshold. The key is that of today's JSON. */
  readonly novelty?: number | undefined;
  /** The classes that cannot be ruled out, most probable first; see {@link conformalSet}. */
  readonly set?: readonly string[] | undefined;
}

/** Reads the rules. Metadata that is not of this form is ignored. */
export function readUncertaintyRules(metadata: ReadonlyMap<string, string>): UncertaintyRules {
  const novelty = numbersIn(metadata.get(artifactKeys.novelty), [
    "threshold",
    "falseAlarmRate",
    "neighbours",
    "fittedOn",
  ]);
  const conformal = numbersIn(metadata.get(artifactKeys.conformal), ["coverage", "threshold", "calibratedOn"]);
  return { novelty, conformal };
}

/**
 * Applies the rules to one prediction.
 *
 * @param oodScore the artifact's out-of-distribution score of this image
 * @param probabilities `[C]`
 */
export function doubtOf(
  { novelty: rule, conformal }: UncertaintyRules,
  classes: readonly string[],
  { probabilities, oodScore }: { readonly probabilities: Float32Array; readonly oodScore: number | undefined },
): Doubt {
  const known = rule && oodScore !== undefined ? { unknown: oodScore > rule.threshold, novelty: oodScore } : {};
  return { ...known, set: conformal && conformalSet(probabilities, conformal).map((label) => classes[label]!) };
}

/** Parses a JSON object in which all the keys are finite numbers. */
function numbersIn<K extends string>(text: string | undefined, keys: readonly K[]): Record<K, number> | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<K, unknown>> | null;
    const isComplete = keys.every((key) => Number.isFinite(value?.[key]));
    return isComplete ? (Object.fromEntries(keys.map((key) => [key, value![key]])) as Record<K, number>) : undefined;
  } catch {
    return undefined;
  }
}
