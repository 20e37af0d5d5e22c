/** What the parts of bench `advice` share: their flags, their networks, and the truth that advice is held against. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../src/base/cache-folder.ts";
import { createRandom } from "../../src/base/random.ts";
import type { Network } from "../../src/networks/network.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { denseTable } from "../../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../../src/train/head/fit.ts";
import { accuracyOf, type Features, featuresOf } from "../support/features.ts";
import { shared } from "../support/shared.ts";

export interface Settings {
  readonly data: readonly string[];
  readonly networks: readonly string[];
  /** Seconds. */
  readonly budget: number;
  /** Of a dataset of the truth set. */
  readonly images: number;
  /** Epochs that bound a comparison instead of seconds; 0 for none. */
  readonly epochs: number;
  /** Ways to split the images. */
  readonly splits: number;
}

/** What `--network` takes: a file among the shared networks, or a name. */
export const networkPath = (name: string): string =>
  name.endsWith(".onnx") && !existsSync(name) ? shared("networks", name) : name;

export const openNamed = (name: string): Promise<Network> => openNetwork(networkPath(name), { offline: true });

/** Features of a dataset's training and test folders, kept between runs of the bench. */
export const featuresFor = (data: string, network: Network): Promise<Features> =>
  featuresOf(shared("datasets", data), network, join(cacheFolder(), "bench-advice", network.sha256.slice(0, 16)));

/** The accuracy on the test folder of a linear probe on all training images. */
export async function trueProbe({ train, test, columns, classes }: Features): Promise<number> {
  const { head } = await fitHead(denseTable(train.data, columns), train.labels, classes, createRandom(0));
  return accuracyOf(headLogits(head, denseTable(test.data, columns)), test.labels, classes);
}
