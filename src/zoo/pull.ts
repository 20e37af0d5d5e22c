/** Opens a network of the catalogue, by the kind of place that its weights come from. */
import type { CatalogueEntry, EntryFrom, Source } from "./catalogue.ts";
import { isHubNetworkOnDisk, openHubNetwork } from "./hub-network.ts";
import type { Network } from "./network.ts";
import { isNpmNetworkOnDisk, openNpmNetwork } from "./npm-network.ts";
import type { OpenOptions } from "./open-options.ts";

interface Place<K extends Source["kind"]> {
  open(entry: EntryFrom<K>, options: OpenOptions): Promise<Network>;
  isOnDisk(entry: EntryFrom<K>): boolean | Promise<boolean>;
}

const places: { readonly [K in Source["kind"]]: Place<K> } = {
  npm: { open: openNpmNetwork, isOnDisk: isNpmNetworkOnDisk },
  hub: { open: openHubNetwork, isOnDisk: isHubNetworkOnDisk },
};

const ofKind = ({ source }: CatalogueEntry): Place<Source["kind"]> => places[source.kind] as Place<Source["kind"]>;

/** Opens a network of the catalogue; downloads it if it is not in the cache. */
export const openEntry = (entry: CatalogueEntry, options: OpenOptions = {}): Promise<Network> =>
  ofKind(entry).open(entry, options);

/** Whether a network can be opened offline. */
export const isOnDisk = async (entry: CatalogueEntry): Promise<boolean> => await ofKind(entry).isOnDisk(entry);
