/** A network of a model hub: its weights fetched, put into the architecture that they belong to, nothing converted. */
import { sha256 } from "../base/files.ts";
import { type RepositoryConfig, repositoryConfig } from "../hub/huggingface/config.ts";
import { hubFileInCache } from "../hub/huggingface/fetch.ts";
import type { EntryFrom } from "./catalogue.ts";
import { fromHubPreprocessing } from "./hub-preprocessing.ts";
import type { Network } from "./network.ts";
import type { OpenOptions } from "./open-options.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { weighHubFile } from "./weighted.ts";

/** Whether the network can be opened without the hub. */
export async function isHubNetworkOnDisk({ source }: EntryFrom<"hub">): Promise<boolean> {
  const files = [source, { ...source, file: "config.json" }];
  return (await Promise.all(files.map(hubFileInCache))).every((found) => found !== undefined);
}

/** Opens a network of a hub, fetching what the cache lacks. */
export async function openHubNetwork(entry: EntryFrom<"hub">, options: OpenOptions): Promise<Network> {
  const { source } = entry;
  const { onProgress, offline } = options;
  const asked = { onProgress, offline };
  const config = await repositoryConfig(source, asked);
  const preprocessing = preprocessingOf(entry, config);
  const of = { ...source, revision: config.commit };
  const weighed = await weighHubFile(entry.architecture ?? entry.name, of, asked, preprocessing.size);
  const { definition, model } = weighed;
  return {
    name: entry.name,
    description: entry.description,
    licence: entry.licence,
    source: `hub:${source.repo}@${config.commit}`,
    sha256: sha256(`${weighed.sha256} ${definition.name} ${preprocessing.size}`),
    model,
    preprocessing,
    preprocessingFrom: `the hub's config.json, but the whole picture is taken`,
    stages: definition.stages,
    cut: options.cut ?? definition.features.tensor,
    cuts: options.cut === undefined ? undefined : [],
  };
}

/**
 * What the repository says of normalisation. The input's size, and how a picture is brought to it, are the row's: that
 * the whole picture is taken is Graft's choice, and transformers take any size that their embedding is resampled to.
 */
function preprocessingOf({ preprocessing, source }: EntryFrom<"hub">, config: RepositoryConfig): Preprocessing {
  const { channels, mean, std } = fromHubPreprocessing(config.preprocessing, source.repo);
  return { ...preprocessing, channels, mean, std };
}
