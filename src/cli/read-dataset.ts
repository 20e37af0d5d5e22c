/** Reads a command's dataset: shows progress while an archive is unpacked, and reports decisions and left-out files. */
import { named } from "../base/text.ts";
import {
  type Dataset,
  type DiscoverOptions,
  discoverDataset,
  type Ignored,
  withTestFolder,
} from "../data/dataset/discover.ts";
import { note, withProgress } from "./output.ts";

export interface ReadOptions extends Pick<DiscoverOptions, "purpose" | "known"> {
  /** A separate folder of test images. */
  readonly test?: string | undefined;
}

/** Reads a dataset and writes notes about it to stderr. */
export async function readDataset(path: string, { test, ...options }: ReadOptions = {}): Promise<Dataset> {
  const dataset = await withProgress(async ({ show: onProgress }) => {
    const found = await discoverDataset(path, { ...options, onProgress });
    return test === undefined ? found : withTestFolder(found, test, { onProgress });
  });
  note(dataset.notes ?? []);
  note(leftOut(dataset.ignored));
  return dataset;
}

/** The number of reasons to name; the others are counted together. */
const SHOWN = 4;

/** The left-out files, one line per reason: how many, and the first of them. */
export function leftOut(ignored: readonly Ignored[]): string[] {
  const kinds = new Map<Ignored["kind"], Ignored[]>();
  for (const one of ignored) {
    const own = kinds.get(one.kind);
    if (own) own.push(one);
    else kinds.set(one.kind, [one]);
  }
  // Possible mistakes come before files that systems leave behind.
  const rows = [...kinds.values()].sort((a, b) => Number(isLitter(a[0]!)) - Number(isLitter(b[0]!)));
  const lines = rows.slice(0, SHOWN).map((all) => {
    const { path, reason } = all[0]!;
    return `Left out: ${all.length === 1 ? "" : `${all.length}, such as `}${named(path, 300)} (${reason}).`;
  });
  const rest = rows.slice(SHOWN).reduce((sum, all) => sum + all.length, 0);
  return rest > 0 ? [...lines, `Left out for other reasons: ${rest}; --json lists all.`] : lines;
}

const isLitter = ({ kind }: Ignored): boolean => kind === "litter" || kind === "own";
