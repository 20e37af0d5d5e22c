/** Opens networks of a model hub: downloads the weights and loads them into the architecture that Graft builds. */
import { sha256 } from "../base/files.ts";
import { type RepositoryConfig, repositoryConfig } from "../hub/huggingface/config.ts";
import { hubFileInCache } from "../hub/huggingface/fetch.ts";
import type { EntryFrom } from "./catalogue.ts";
import { fromHubPreprocessing } from "./hub-preprocessing.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { loadPretrainedFromHub } from "./pretrained.ts";

/** Whether the network's files are all in the cache. */
export async function isHubNetworkOnDisk({ source }: EntryFrom<"hub">): Promise<boolean> {
  const files = [source, { ...source, file: "config.json" }];
  return (await Promise.all(files.map(hubFileInCache))).every((found) => found !== undefined);
}

/** Opens a network of a hub; downloads the files that are not in the cache. */
export async function openHubNetwork(
  entry: EntryFrom<"hub">,
  { onProgress, offline, cut }: OpenOptions,
): Promise<Network> {
  const { source } = entry;
  const hub = { onProgress, offline };
  const config = await repositoryConfig(source, hub);
  const preprocessing = preprocessingOf(entry, config);
  const file = { ...source, revision: config.commit };
  const pretrained = await loadPretrainedFromHub(entry.architecture ?? entry.name, file, hub, preprocessing.size);
  const { definition, model } = pretrained;
  return {
    name: entry.name,
    description: entry.description,
    licence: entry.licence,
    source: `hub:${source.repo}@${config.commit}`,
    sha256: sha256(`${pretrained.sha256} ${definition.name} ${preprocessing.size}`),
    model,
    preprocessing,
    preprocessingFrom: "the hub's config.json, without its crop: the whole image is used",
    stages: definition.stages,
    cut: cut ?? definition.features.tensor,
    cuts: cut === undefined ? undefined : [],
  };
}

/**
 * The repository's normalisation with the catalogue's size and fit: Graft uses the whole image, and transformers accept any size
 * because their position embedding is resampled.
 */
function preprocessingOf({ preprocessing, source }: EntryFrom<"hub">, config: RepositoryConfig): Preprocessing {
  const { channels, mean, std } = fromHubPreprocessing(config.preprocessing, source.repo);
  return { ...preprocessing, channels, mean, std };
}
