/**
 * Reads what a repository says about its network in `config.json`: architecture, classes, preprocessing. In repositories of
 * transformers the preprocessing is in `preprocessor_config.json`. Does not read weights.
 */
import { readFile } from "node:fs/promises";
import { dataError } from "../../base/errors.ts";
import { fetchHubFile, type HubOptions } from "./fetch.ts";
import { countIn, type Fields, isCount, objectIn, parseFields, required, textIn } from "./fields.ts";
import { type HubPreprocessing, timmPreprocessing, transformersPreprocessing } from "./preprocessing.ts";

/** What a repository says about its network. */
export interface RepositoryConfig {
  /** The commit that was read. */
  readonly commit: string;
  /** timm's name (`resnet50`), or transformers' class (`ResNetForImageClassification`). */
  readonly architecture: string;
  /** Outputs of the classifier; 0 if it has none, undefined if the repository does not say. */
  readonly numClasses: number | undefined;
  readonly preprocessing: HubPreprocessing;
}

/** The largest configuration, in bytes: the longest in use list 21,000 classes twice, in 2 MB. */
const mostBytes = 8 * 2 ** 20;
const mostClasses = 1_000_000;

/**
 * Reads and checks the configuration of a repository at a revision.
 *
 * @throws GraftError as {@link fetchHubFile}; (`data`) if timm or transformers did not write the files
 */
export async function repositoryConfig(
  { repo, revision }: { readonly repo: string; readonly revision: string },
  options: HubOptions = {},
): Promise<RepositoryConfig> {
  const read = async (file: string, at: string): Promise<{ fields: Fields; commit: string }> => {
    const { path, commit } = await fetchHubFile({ repo, file, revision: at }, { maxBytes: mostBytes, ...options });
    return { fields: parseFields(await readFile(path, "utf8"), `${repo}/${file}`), commit };
  };
  const { fields, commit } = await read("config.json", revision);
  if (textIn(fields, "architecture") !== undefined) return { commit, ...timmConfig(fields) };
  if (!Object.hasOwn(fields.values, "model_type"))
    throw dataError(
      `${fields.source} is neither timm's nor transformers' (no architecture, no model_type): pass --preprocessing.`,
    );
  // At the same commit: a branch may move between two requests.
  const { fields: preprocessor } = await read("preprocessor_config.json", commit);
  return { commit, ...transformersConfig(fields, preprocessor) };
}

/** Reads timm's `config.json`. */
export function timmConfig(config: Fields): Omit<RepositoryConfig, "commit"> {
  const pretrained = objectIn(config, "pretrained_cfg") ?? config;
  return {
    architecture: required(textIn(config, "architecture"), "architecture", config),
    numClasses: classesIn(config) ?? classesIn(pretrained),
    preprocessing: timmPreprocessing(pretrained),
  };
}

const classesIn = (of: Fields): number | undefined =>
  of.values.num_classes === 0 ? 0 : countIn(of, "num_classes", mostClasses);

/** Reads transformers' `config.json` and `preprocessor_config.json`. */
export function transformersConfig(config: Fields, preprocessor: Fields): Omit<RepositoryConfig, "commit"> {
  const { architectures } = config.values;
  const architecture: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof architecture !== "string")
    throw dataError(`${config.source} names no architecture: pass --preprocessing, or a file with --weights.`);
  const labels = objectIn(config, "id2label");
  const count = labels && Object.keys(labels.values).length;
  return {
    architecture,
    numClasses: isCount(mostClasses)(count) ? count : countIn(config, "num_labels", mostClasses),
    preprocessing: transformersPreprocessing(preprocessor),
  };
}
