/**
 * Wrong labels alone: precision and recall on datasets with 5% of their labels changed, what is named on the untouched ones and how many
 * of those it expects to be right, beside cleanlab on the same features.
 */
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Audit, audit } from "../../src/audit/audit.ts";
import { suspectsOf } from "../../src/audit/finding.ts";
import { createRandom } from "../../src/base/random.ts";
import { type Dataset, discoverDataset } from "../../src/data/dataset/discover.ts";
import { extractFeatures } from "../../src/train/features/extract.ts";
import { openFeaturesOf } from "../../src/train/features/of-network.ts";
import { createRunner } from "../../src/train/features/runner.ts";
import type { Network } from "../../src/zoo/network.ts";
import { openNetwork } from "../../src/zoo/open.ts";
import { installHint, PYTHON, pythonPackages } from "../support/python.ts";
import { runJson } from "../support/run.ts";
import { shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { bloodCells } from "./blood-cells.ts";

const FLIPS = 0.05;
const BAR = { precision: 0.8, recall: 0.6 };
const SETS = ["flowers", "pollen", "sign-digits"];
const NEEDED = ["cleanlab", "scikit-learn", "numpy"];

export interface LabelFlags {
  readonly network: string;
  readonly other: string;
  readonly seeds: number;
  readonly folder: string;
}

/** One dataset with some labels changed; trial 0 has none. */
interface Trial {
  readonly dataset: Dataset;
  readonly changed: ReadonlySet<string>;
}

export async function findWrongLabels({ network, other, seeds, folder }: LabelFlags): Promise<void> {
  const networks = [await openNetwork(network || "resnet50")];
  if (other !== "none") networks.push(await openNetwork(other || shared("networks", "mobilenet_v2_100_224.onnx")));
  const found = await pythonPackages(NEEDED);
  const missing = NEEDED.filter((name) => found[name] === undefined);
  if (missing.length > 0) console.log(installHint(missing));
  else console.log(`Peers: ${NEEDED.map((name) => `${name} ${found[name]}`).join(", ")}`);
  const [planted, untouched]: [string[][], string[][]] = [[], []];
  let judges: readonly string[] = [];
  const sets = [...SETS.map((name) => shared("datasets", name)), await bloodCells(folder)];
  for (const path of sets) {
    const name = basename(path, ".csv");
    const dataset = await discoverDataset(path);
    const features = await Promise.all(
      networks.map((one) => writeFeatures(one, dataset, folder, networks.indexOf(one))),
    );
    const isPlanted = SETS.includes(name);
    const trials = Array.from({ length: isPlanted ? seeds + 1 : 1 }, (_, seed) => trialOf(dataset, seed));
    const rows = features[0]!.paths;
    const theirs = missing.length === 0 ? await cleanlab(folder, features, trials) : undefined;
    for (const [seed, trial] of trials.entries()) {
      const audited = await audit({ dataset: trial.dataset, network: networks[0]!, only: ["label-errors"] });
      judges = audited.labels.judges;
      const peer = theirs?.[seed]?.map((row) => rows[row]!);
      if (seed === 0) untouched.push(untouchedRow(name, audited, peer));
      else planted.push(plantedRow(name, seed, trial, audited, peer));
    }
  }
  console.log(`Judges: ${judges.join(", ")}`);
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

/** A dataset with a share of its labels changed to another class, by a seed; 0 changes none. */
function trialOf(dataset: Dataset, seed: number): Trial {
  if (seed === 0) return { dataset, changed: new Set() };
  const random = createRandom(seed);
  const { examples, classes } = dataset;
  const chosen = new Set(random.shuffle([...examples.keys()]).slice(0, Math.round(FLIPS * examples.length)));
  const changed = examples.map((example, at) =>
    chosen.has(at)
      ? { ...example, label: (example.label + 1 + random.below(classes.length - 1)) % classes.length }
      : example,
  );
  return { dataset: { ...dataset, examples: changed }, changed: new Set([...chosen].map((at) => examples[at]!.path)) };
}

interface Written {
  readonly columns: number;
  /** Of the rows. */
  readonly paths: readonly string[];
}

/** Computes a network's features where the cache lacks them, and writes them for the peer. */
async function writeFeatures(network: Network, { examples }: Dataset, folder: string, at: number): Promise<Written> {
  const { shape, cache } = await openFeaturesOf(network);
  const runner = createRunner(network, shape);
  try {
    const paths = examples.map(({ path }) => path);
    const { table, kept } = await extractFeatures(paths, cache, runner);
    const data = new Float32Array(kept.length * shape.features);
    for (const chunk of table.chunks()) data.set(chunk.data, chunk.first * shape.features);
    await writeFile(join(folder, `${at}.f32`), data);
    return { columns: shape.features, paths: kept.map((item) => paths[item]!) };
  } finally {
    await runner.close();
    cache.close();
  }
}

/** The rows that cleanlab names in each trial. */
async function cleanlab(folder: string, features: readonly Written[], trials: readonly Trial[]): Promise<number[][]> {
  const { paths } = features[0]!;
  const labels = trials.map(({ dataset }) => {
    const labelOf = new Map(dataset.examples.map(({ path, label }) => [path, label]));
    return paths.map((path) => labelOf.get(path)!);
  });
  const facts = { rows: paths.length, networks: features.map(({ columns }) => columns), labels };
  await writeFile(join(folder, "labels.json"), JSON.stringify(facts));
  const { json } = await runJson(PYTHON, [join(import.meta.dirname, "..", "peers", "cleanlab_labels.py"), folder]);
  return json.issues as number[][];
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

function plantedRow(
  name: string,
  seed: number,
  { changed }: Trial,
  audited: Audit,
  peer: readonly string[] | undefined,
): string[] {
  const { labels, findings } = audited;
  const suspects = findings.flatMap(suspectsOf);
  const strong = suspects.filter(({ fix }) => fix === "quarantine");
  const rightOf = (paths: readonly string[]): number => paths.filter((path) => changed.has(path)).length;
  const right = rightOf(suspects.map(({ path }) => path));
  const [precision, recall] = [right / Math.max(1, suspects.length), right / changed.size];
  return [
    name,
    String(seed),
    String(changed.size),
    percent(labels.wrong),
    String(suspects.length),
    String(right),
    labels.expectedWrong.toFixed(1),
    precision.toFixed(2),
    recall.toFixed(2),
    precision >= BAR.precision && recall >= BAR.recall ? "met" : "missed",
    String(strong.length),
    String(rightOf(strong.map(({ path }) => path))),
    ...(peer
      ? [
          String(peer.length),
          (rightOf(peer) / Math.max(1, peer.length)).toFixed(2),
          (rightOf(peer) / changed.size).toFixed(2),
        ]
      : ["", "", ""]),
  ];
}

function untouchedRow(
  name: string,
  { labels, findings, pictures }: Audit,
  peer: readonly string[] | undefined,
): string[] {
  const suspects = findings.flatMap(suspectsOf);
  return [
    name,
    String(pictures),
    `${percent(labels.wrong)} (${labels.interval.map(percent).join("–")})`,
    String(labels.named),
    labels.expectedWrong.toFixed(1),
    labels.expectedFalse.toFixed(1),
    String(suspects.filter(({ fix }) => fix === "quarantine").length),
    peer ? String(peer.length) : "",
    suspects.map(({ path, label, why }) => `${basename(path)} (${label}, ${why})`).join("; "),
  ];
}
