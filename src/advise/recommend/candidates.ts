/** Selects the candidates: networks on this disk, those worth downloading, and files that the user names. */
import { GraftError } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { type CatalogueEntry, catalogue } from "../../networks/catalogue/catalogue.ts";
import type { Network } from "../../networks/network.ts";
import { isOnDisk, openNetwork } from "../../networks/open.ts";
import type { OpenOptions } from "../../networks/open-options.ts";
import type { Remembered } from "./network-cost.ts";
import { type KnownCost, predictCost } from "./network-cost.ts";
import { paretoFront } from "./ranking.ts";
import type { Candidate, GatherOptions, LeftOut } from "./recommendation.ts";
import { checkedGatherOptions } from "./recommendation.ts";

/** Maximum number of networks that are downloaded from a hub for one recommendation. */
const MOST_FETCHED = 4;
/** The factor by which a predicted cost must exceed a limit to leave a network out unmeasured. */
const SURELY_OVER = 2;

/** Gathers candidates, files first and then in the catalogue's order, and what was left out before opening. */
export async function gatherCandidates(
  given: GatherOptions = {},
): Promise<{ readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] }> {
  const options = checkedGatherOptions(given);
  const { offline, named = [], preprocessing } = options;
  const common: OpenOptions = { offline };
  const files = named.filter((name) => !catalogue.some((entry) => entry.name === name));
  const rows = await Promise.all(catalogue.map(async (entry) => ({ entry, onDisk: await isOnDisk(entry) })));
  const absent = rows.filter(({ entry, onDisk }) => !onDisk && !named.includes(entry.name)).map(({ entry }) => entry);
  const leftOut: LeftOut[] = [];
  const fetched = offline ? [] : worthFetching(absent, options);
  for (const entry of absent) {
    if (fetched.includes(entry)) continue;
    leftOut.push(leftOutOf(entry, options));
  }
  const taken = rows.filter(({ entry, onDisk }) => onDisk || named.includes(entry.name) || fetched.includes(entry));
  return {
    candidates: [
      ...files.map((name) => ({
        name,
        open: (more: Pick<OpenOptions, "onProgress">) => openNetwork(name, { ...common, ...more, preprocessing }),
      })),
      ...taken.map(({ entry }) => ({
        name: entry.name,
        entry,
        open: (more: Pick<OpenOptions, "onProgress">) => openNetwork(entry.name, { ...common, ...more }),
      })),
    ],
    leftOut,
  };
}

/** Of networks that are not on this disk: all of npm's, and of a hub's those on the Pareto front of published accuracy and cost. */
function worthFetching(absent: readonly CatalogueEntry[], options: GatherOptions): CatalogueEntry[] {
  const fitting = absent.filter((entry) => overLimit(entry, options) === undefined);
  const ofNpm = fitting.filter(({ source }) => source.kind === "npm");
  const published = fitting.filter(({ source, top1 }) => source.kind === "hub" && top1 !== undefined);
  const front = paretoFront(published, [
    ({ multiplyAdds }) => multiplyAdds,
    ({ top1 }) => -(top1?.percent ?? 0),
  ]).toSorted((a, b) => a.multiplyAdds - b.multiplyAdds);
  return [...ofNpm, ...spread(front, MOST_FETCHED)];
}

/** `count` items of a list, evenly spaced from its first to its last. */
function spread<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, i) => list[Math.round((i * (list.length - 1)) / (count - 1))]!);
}

function leftOutOf(entry: CatalogueEntry, options: GatherOptions): LeftOut {
  const { name } = entry;
  const limit = overLimit(entry, options);
  if (limit !== undefined) return { name, reason: limit, isOverLimit: true };
  const remedy = `\`graft networks pull ${name}\` downloads it`;
  const reason = options.offline
    ? `it is not on this disk, and --offline is set: ${remedy}`
    : `it is not on this disk, and others have a better published accuracy for their cost: ${remedy}`;
  return { name, reason };
}

/** Why a network of the catalogue is not worth downloading; undefined if it may be within the limits. */
function overLimit(entry: CatalogueEntry, { limits = {}, remembered = [] }: GatherOptions): string | undefined {
  const points = remembered.filter((one): one is Remembered & KnownCost => one.multiplyAdds !== undefined);
  const { latencyMs } = predictCost(entry, points);
  const size = 4 * entry.parameters;
  if (limits.latencyMs !== undefined && points.length > 0 && latencyMs > SURELY_OVER * limits.latencyMs)
    return `--latency: by its multiply-adds it would take about ${latencyMs.toPrecision(2)} ms`;
  if (limits.sizeBytes !== undefined && size > SURELY_OVER * limits.sizeBytes)
    return `--max-size: it has about ${Math.round(size / 1e6)} MB of weights`;
  return undefined;
}

/** An opened candidate. */
export interface Opened {
  readonly candidate: Candidate;
  readonly network: Network;
  /** Seconds of its download; 0 if it was on this disk. */
  readonly fetchSeconds: number;
}

/** Opens candidates one after the other; those that cannot be opened are left out with the reason. */
export async function* openCandidates(
  candidates: readonly Candidate[],
  leftOut: LeftOut[],
  onProgress?: OnProgress,
): AsyncGenerator<Opened> {
  /** Set if the hub could not be reached: then it is not tried again. */
  let hubFailure: string | undefined;
  for (const candidate of candidates) {
    const { entry } = candidate;
    const isFetched = entry !== undefined && !(await isOnDisk(entry));
    const isOfHub = isFetched && entry.source.kind === "hub";
    if (isOfHub && hubFailure !== undefined) {
      leftOut.push({ name: candidate.name, reason: hubFailure });
      continue;
    }
    const began = performance.now();
    try {
      const network = await candidate.open({ onProgress });
      yield { candidate, network, fetchSeconds: isFetched ? (performance.now() - began) / 1000 : 0 };
    } catch (error) {
      // A file that the user named must open; a network of the catalogue may be unavailable.
      if (!entry || !(error instanceof GraftError)) throw error;
      if (isOfHub) hubFailure = error.message;
      leftOut.push({ name: candidate.name, reason: error.message });
    }
  }
}
