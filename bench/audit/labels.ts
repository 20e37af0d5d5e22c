/**
 * Wrong labels alone: precision and recall on datasets with 5% of their labels changed, what is named on the untouched ones and how many
 * of those it expects to be right, beside cleanlab on the same cross-fitted probabilities.
 */
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type LabelEvidence, labelEvidence, labelNoise, WORTH_A_LOOK } from "../../src/audit/labels/label-evidence.ts";
import { scoreLabels } from "../../src/audit/labels/label-scorers.ts";
import { createRandom } from "../../src/base/random.ts";
import { type Dataset, discoverDataset } from "../../src/data/dataset/discover.ts";
import type { Network } from "../../src/networks/network.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { openFeaturesOf } from "../../src/train/features/feature-cache.ts";
import type { RowTable } from "../../src/train/features/feature-table.ts";
import { extractFeatures } from "../../src/train/features/image-files.ts";
import { openBackbone } from "../../src/train/node.ts";
import { installHint, PYTHON, pythonPackages } from "../support/python.ts";
import { runJson } from "../support/run.ts";
import { shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { bloodCells } from "./blood-cells.ts";

const FLIPS = 0.05;
const BAR = { precision: 0.8, recall: 0.6 };
const SETS = ["flowers", "pollen", "sign-digits"];
const NEEDED = ["cleanlab", "numpy"];

export interface LabelFlags {
  readonly network: string;
  readonly other: string;
  readonly seeds: number;
  readonly folder: string;
  /** `none` leaves cleanlab out. */
  readonly peer: string;
}

/** The images of a dataset that could be read, and a network's features of them. */
interface Read {
  readonly table: RowTable;
  readonly digests: readonly Buffer[];
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  close(): void;
}

/** Labels of which some are changed; trial 0 has none. */
interface Trial {
  readonly labels: Int32Array;
  readonly changed: ReadonlySet<number>;
}

export async function findWrongLabels({ network, other, seeds, folder, peer }: LabelFlags): Promise<void> {
  const networks = [await openNetwork(network || "resnet50")];
  if (other !== "none") networks.push(await openNetwork(other || shared("networks", "mobilenet_v2_100_224.onnx")));
  const found = peer === "none" ? {} : await pythonPackages(NEEDED);
  const missing = NEEDED.filter((name) => found[name] === undefined);
  if (missing.length > 0) console.log(peer === "none" ? "Without the peer" : installHint(missing));
  else console.log(`Peers: ${NEEDED.map((name) => `${name} ${found[name]}`).join(", ")}`);
  const [planted, untouched]: [string[][], string[][]] = [[], []];
  for (const path of [...SETS.map((name) => shared("datasets", name)), await bloodCells(folder)]) {
    const name = basename(path, ".csv");
    const dataset = await discoverDataset(path);
    const { classes } = dataset;
    const reads: Read[] = [];
    for (const one of networks) reads.push(await readFeatures(one, dataset));
    const own = reads[0]!;
    const trials = Array.from({ length: SETS.includes(name) ? seeds + 1 : 1 }, (_, seed) =>
      trialOf(own.labels, classes.length, seed),
    );
    for (const [seed, trial] of trials.entries()) {
      const evidence = await evidenceOf(networks[0]!.name, own, trial, classes.length);
      const theirs = missing.length === 0 ? await cleanlab(folder, trial, evidence, classes.length) : undefined;
      if (seed === 0) untouched.push(untouchedRow(name, evidence, own.paths, trial, classes, theirs));
      else planted.push(plantedRow(name, seed, trial, evidence, theirs));
      console.log([name, seed, ...(seed === 0 ? untouched : planted).at(-1)!].join(" | "));
    }
    console.log(`Judges: ${(await evidenceOf(networks[0]!.name, own, trials[0]!, classes.length)).judges.join(", ")}`);
    for (const { close } of reads) close();
  }
  printTable(`5% of the labels changed; bar: precision ≥ ${BAR.precision} at recall ≥ ${BAR.recall} of what is named`, [
    [
      "dataset",
      "seed",
      "changed",
      "noise told",
      "named",
      "right",
      "told right",
      "precision",
      "recall",
      "bar",
      "strong",
      "right",
      "cleanlab",
      "precision",
      "recall",
    ],
    ...planted,
  ]);
  printTable("The untouched sets", [
    [
      "dataset",
      "images",
      "noise told",
      "named",
      "told wrong",
      "told false",
      "strong",
      "cleanlab names",
      "the images that are named",
    ],
    ...untouched,
  ]);
}

/** What the audit holds against each label. Each image stands alone: copies are the other checks' matter. */
async function evidenceOf(
  name: string,
  { table, digests }: Read,
  { labels }: Trial,
  classes: number,
): Promise<LabelEvidence> {
  const labelled = { labels, classes, groups: Int32Array.from(labels.keys()) };
  const random = createRandom(0);
  const { scorers, votes } = await scoreLabels({ name, table }, digests, labelled, random, {});
  return labelEvidence(scorers, votes, labelled, random);
}

/** Labels with a share of them changed to another class, by a seed; 0 changes none. */
function trialOf(labels: Int32Array, classes: number, seed: number): Trial {
  if (seed === 0) return { labels, changed: new Set() };
  const random = createRandom(seed);
  const changed = new Set(random.shuffle([...labels.keys()]).slice(0, Math.round(FLIPS * labels.length)));
  const other = (label: number): number => (label + 1 + random.below(classes - 1)) % classes;
  return { labels: labels.map((label, at) => (changed.has(at) ? other(label) : label)), changed };
}

/** Computes a network's features where the cache lacks them. */
async function readFeatures(network: Network, { examples }: Dataset): Promise<Read> {
  const { shape, cache } = await openFeaturesOf(network);
  const runner = openBackbone(network, shape);
  const paths = examples.map(({ path }) => path);
  const { table, kept, digests } = await extractFeatures(paths, cache, runner);
  await runner.close();
  return {
    table,
    digests: kept.map((item) => digests.get(item)!),
    paths: kept.map((item) => paths[item]!),
    labels: Int32Array.from(kept, (item) => examples[item]!.label),
    close: cache.close,
  };
}

/** The rows that cleanlab names, of the same probabilities. */
async function cleanlab(
  folder: string,
  { labels }: Trial,
  { probabilities }: LabelEvidence,
  classes: number,
): Promise<number[]> {
  await writeFile(join(folder, "labels.json"), JSON.stringify({ classes, labels: [...labels] }));
  await writeFile(join(folder, "probabilities.f32"), probabilities);
  const { json } = await runJson(PYTHON, [join(import.meta.dirname, "..", "peers", "cleanlab_labels.py"), folder]);
  return json.issues as number[];
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** The images that are named, the surest first. */
const namedIn = ({ wrong }: LabelEvidence): number[] =>
  [...wrong.keys()].filter((at) => wrong[at]! >= WORTH_A_LOOK).sort((a, b) => wrong[b]! - wrong[a]!);

function plantedRow(
  name: string,
  seed: number,
  { changed }: Trial,
  evidence: LabelEvidence,
  peer: readonly number[] | undefined,
): string[] {
  const rightOf = (rows: readonly number[]): number => rows.filter((row) => changed.has(row)).length;
  const scores = (rows: readonly number[]): [number, number] => [
    rightOf(rows) / Math.max(1, rows.length),
    rightOf(rows) / changed.size,
  ];
  const named = namedIn(evidence);
  const strong = named.filter((at) => evidence.strong[at] === 1);
  const [precision, recall] = scores(named);
  const { wrong, expectedWrong } = labelNoise(evidence);
  return [
    name,
    String(seed),
    String(changed.size),
    percent(wrong),
    String(named.length),
    String(rightOf(named)),
    expectedWrong.toFixed(1),
    precision.toFixed(2),
    recall.toFixed(2),
    precision >= BAR.precision && recall >= BAR.recall ? "met" : "missed",
    String(strong.length),
    String(rightOf(strong)),
    ...(peer ? [String(peer.length), ...scores(peer).map((share) => share.toFixed(2))] : ["", "", ""]),
  ];
}

function untouchedRow(
  name: string,
  evidence: LabelEvidence,
  paths: readonly string[],
  { labels }: Trial,
  classes: readonly string[],
  peer: readonly number[] | undefined,
): string[] {
  const { wrong, interval, named, expectedWrong, expectedFalse } = labelNoise(evidence);
  const strong = evidence.strong.filter((value) => value === 1).length;
  return [
    name,
    String(labels.length),
    `${percent(wrong)} (${interval.map(percent).join("–")})`,
    String(named),
    expectedWrong.toFixed(1),
    expectedFalse.toFixed(1),
    String(strong),
    peer ? String(peer.length) : "",
    namedIn(evidence)
      .map((at) => `${basename(paths[at]!)} (${classes[labels[at]!]}, looks like ${classes[evidence.shows[at]!]})`)
      .join("; "),
  ];
}
