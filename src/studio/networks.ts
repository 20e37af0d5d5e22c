/** The networks that the page offers: the catalogue, and files that the studio was started with. */

import { knownSpeeds } from "../advise/recommend/network-cost.ts";
import { type CatalogueEntry, catalogue, DEFAULT_NETWORK, weightsSourceOf } from "../networks/catalogue/catalogue.ts";
import { inspect } from "../networks/inspect.ts";
import { isOnDisk, openNetwork } from "../networks/open.ts";
import type { PresetName } from "../networks/preprocessing/preprocessing.ts";
import type { NetworkRow, NetworkTable } from "./api.ts";

/** An ONNX file that is offered beside the catalogue. */
export interface OwnNetwork {
  readonly path: string;
  readonly preprocessing: PresetName | undefined;
}

export interface Networks {
  /** What a training may be asked to use. */
  readonly names: readonly string[];
  table(): Promise<NetworkTable>;
  /** Options of `graft train` that go with a network. */
  words(network: string): readonly string[];
  /** Options of `graft recommend` by which all of them take part. */
  readonly adviceWords: readonly string[];
}

/** Reads the files, so that one that is no network is told of at the start. */
export async function openNetworks(own: readonly OwnNetwork[], offline: boolean): Promise<Networks> {
  const files: NetworkRow[] = [];
  for (const { path, preprocessing } of own) {
    const network = await openNetwork(path, { preprocessing });
    const { parameters, multiplyAdds, preprocessing: prepared, description, licence } = await inspect(network);
    files.push({
      name: path,
      description,
      family: "file",
      top1: null,
      parameters,
      multiplyAdds,
      inputSize: prepared.size,
      download: 0,
      onDisk: true,
      imagesPerSecond: null,
      licence,
      source: path,
    });
  }
  const optionsFor = (preset: OwnNetwork["preprocessing"]): string[] => [
    ...(preset === undefined ? [] : ["--preprocessing", preset]),
    ...(offline ? ["--offline"] : []),
  ];
  return {
    names: [...files, ...catalogue].map(({ name }) => name),
    words(network) {
      return optionsFor(own.find(({ path }) => path === network)?.preprocessing);
    },
    adviceWords: [
      ...own.flatMap(({ path }) => ["--network", path]),
      // `graft recommend` takes one for all files, as `graft studio` does.
      ...optionsFor(own.find(({ preprocessing }) => preprocessing)?.preprocessing),
    ],
    async table() {
      const speeds = await knownSpeeds();
      const known = await Promise.all(catalogue.map((entry) => rowOf(entry)));
      const networks = [...files, ...known].map((row) => ({ ...row, imagesPerSecond: speeds.get(row.name) ?? null }));
      return { networks, standard: files[0]?.name ?? DEFAULT_NETWORK };
    },
  };
}

async function rowOf(entry: CatalogueEntry): Promise<NetworkRow> {
  const { name, description, family, parameters, multiplyAdds, inputSize, download, licence } = entry;
  return {
    name,
    description,
    family,
    parameters,
    multiplyAdds,
    inputSize,
    download,
    licence,
    top1: entry.top1?.percent ?? null,
    onDisk: await isOnDisk(entry),
    imagesPerSecond: null,
    source: weightsSourceOf(entry),
  };
}
