/**
 * Bench `unknowns`: classes are left out of a dataset, and a model of the others is asked for them. Near unknowns, as users meet them: what
 * the network sees is of the same kind. Scores beside each other, and combinations of the neighbours' with the head's own evidence.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { areaUnderRoc } from "../src/metrics/conformal.ts";
import { softmax } from "../src/metrics/logits.ts";
import { fitTemperature } from "../src/metrics/temperature.ts";
import type { Head } from "../src/model/artifact-graph.ts";
import { openNetwork } from "../src/networks/open.ts";
import { denseTable } from "../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../src/train/head/fit.ts";
import { bankOf, distancesTo, fitOodDetector, oodScoresOf } from "../src/train/ood-bank.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { installHint, PYTHON, pythonPackages } from "./support/python.ts";
import { runJson } from "./support/run.ts";
import { ROOT, shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";
import { type Cached, cachedFeatures, joined, type Labelled, rowsOf } from "./trust/cached.ts";
import { energyOf, inDeviations, missedAt95, ranksAmong, summed, uncertaintyOf } from "./trust/scores.ts";

/** How one score did in one try, for left-out classes and for other datasets. */
interface Figure {
  readonly near: number;
  readonly missed: number;
  readonly far: number;
  readonly farMissed: number;
}
type Figures = Readonly<Record<string, Figure>>;

/** Rows of each other dataset that are asked. */
const FAR = 200;

/** Measures and prints. */
export async function benchUnknowns(given: readonly string[]): Promise<void> {
  const { network: name, data, tries } = readFlags(given, { network: "", data: "flowers,sign-digits", tries: 5 });
  const network = await openNetwork(name || shared("networks", "mobilenet_v2_100_224.onnx"));
  console.log(machine());
  const isPeerHere = "numpy" in (await pythonPackages(["numpy"]));
  if (!isPeerHere) console.log(installHint(["numpy"]));
  const sets = new Map<string, Cached>();
  for (const dataset of new Set([...data.split(","), "pollen", "flowers", "sign-digits"]))
    sets.set(dataset, await cachedFeatures(dataset, network));
  const means = new Map<string, Figure[]>();
  for (const dataset of data.split(",")) {
    const all = sets.get(dataset)!;
    const far = joined(
      [...sets.values()].filter((set) => set !== all).map(({ test }) => rowsOf(test, spread(test.labels.length, FAR))),
    );
    const left = leftOut(all.classes, tries);
    const found: Figures[] = [];
    for (const classes of left) found.push(await one(all, classes, far.data, isPeerHere));
    const names = Object.keys(found[0]!);
    printTable(
      `${dataset}: ${tries} tries, each with ${left[0]!.length} of ${all.classes} classes left out; features of ${network.name}`,
      [
        [...HEADING, "AUROC, single tries"],
        ...names.map((score) => [
          ...cells(
            score,
            found.map((figures) => figures[score]!),
          ),
          found.map((figures) => figures[score]!.near.toFixed(3)).join(" "),
        ]),
      ],
    );
    for (const score of names)
      means.set(score, [...(means.get(score) ?? []), meanOf(found.map((figures) => figures[score]!))]);
  }
  printTable(`Mean over ${data}`, [HEADING, ...[...means].map(([score, figures]) => cells(score, figures))]);
}

const HEADING = ["score", "AUROC", "FPR@95", "AUROC other sets", "FPR@95 other sets"];

function meanOf(figures: readonly Figure[]): Figure {
  const mean = (what: keyof Figure): number => figures.reduce((sum, one) => sum + one[what], 0) / figures.length;
  return { near: mean("near"), missed: mean("missed"), far: mean("far"), farMissed: mean("farMissed") };
}

function cells(name: string, figures: readonly Figure[]): string[] {
  const { near, missed, far, farMissed } = meanOf(figures);
  const share = (value: number): string => `${(100 * value).toFixed(1)}%`;
  return [name, near.toFixed(3), share(missed), far.toFixed(3), share(farMissed)];
}

/** Evenly spread rows, at most so many. */
const spread = (rows: number, most: number): number[] =>
  Array.from({ length: Math.min(rows, most) }, (_, at) => Math.floor((at * rows) / Math.min(rows, most)));

/** Which classes are left out, try by try: about a fifth of them. */
function leftOut(classes: number, tries: number): number[][] {
  const share = Math.max(1, Math.round(classes / 5));
  return Array.from({ length: tries }, (_, at) => Array.from({ length: share }, (_, i) => (at * share + i) % classes));
}

const KINDS = ["known", "near", "far"] as const;
/** A score of the rows of each kind. */
type Scores = Readonly<Record<(typeof KINDS)[number], ArrayLike<number>>>;

async function one(
  { columns, classes, train, test }: Cached,
  left: readonly number[],
  far: Float32Array,
  isPeerHere: boolean,
): Promise<Figures> {
  const stay = Array.from({ length: classes }, (_, label) => label).filter((label) => !left.includes(label));
  const of = (part: Labelled, isLeft: boolean): Labelled => {
    const rows = [...part.labels.keys()].filter((row) => left.includes(part.labels[row]!) === isLeft);
    const chosen = rowsOf(part, rows);
    return { data: chosen.data, labels: isLeft ? chosen.labels : chosen.labels.map((label) => stay.indexOf(label)) };
  };
  const fitted = of(train, false);
  const asked = { known: of(test, false).data, near: joined([of(train, true), of(test, true)]).data, far };
  const table = denseTable(fitted.data, columns);
  const count = stay.length;
  const { head, outOfFoldLogits } = await fitHead(table, fitted.labels, count, createRandom(0));
  const { temperature } = fitTemperature(outOfFoldLogits, fitted.labels);
  const probabilities = softmax(outOfFoldLogits, count, temperature);
  const novelty = await fitOodDetector({ train: { table, groups: undefined }, probabilities }, createRandom(0));
  const bank = bankOf({ table, groups: undefined }, createRandom(0));

  const each = async (score: (kind: (typeof KINDS)[number]) => Promise<ArrayLike<number>> | ArrayLike<number>) =>
    ({ known: await score("known"), near: await score("near"), far: await score("far") }) satisfies Scores;
  const tableOf = (kind: (typeof KINDS)[number]) => denseTable(asked[kind], columns);
  const logits = await each((kind) => headLogits(head, tableOf(kind)));
  const answers = await each((kind) => softmax(logits[kind] as Float32Array, count, temperature));
  const distances = await each((kind) => distancesTo(tableOf(kind), bank, bank.neighbours));
  const energy = await each((kind) => energyOf(logits[kind] as Float32Array, count));
  const doubt = await each((kind) => uncertaintyOf(answers[kind] as Float32Array, count));
  const own = {
    distances: await bank.amongThemselves(),
    doubt: uncertaintyOf(probabilities, count),
    energy: energyOf(outOfFoldLogits, count),
  };
  const together = (by: typeof ranksAmong, others: Scores, ofOthers: ArrayLike<number>) =>
    each((kind) => summed(by(own.distances, distances[kind]), by(ofOthers, others[kind])));
  const scores: Record<string, Scores> = {
    "5th nearest neighbour": distances,
    ...(isPeerHere ? await byPeer({ ...fitted, columns }, asked, head) : {}),
    energy,
    "1 − top probability": doubt,
    "neighbour + top probability, ranks": await together(ranksAmong, doubt, own.doubt),
    "neighbour + energy, ranks": await together(ranksAmong, energy, own.energy),
    "neighbour + energy, deviations": await together(inDeviations, energy, own.energy),
    "neighbour + log odds, as in each model.onnx": await each((kind) =>
      oodScoresOf(tableOf(kind), answers[kind] as Float32Array, novelty),
    ),
  };
  return Object.fromEntries(
    Object.entries(scores).map(([name, { known, near, far: others }]) => [
      name,
      {
        near: areaUnderRoc(known, near),
        missed: missedAt95(known, near),
        far: areaUnderRoc(known, others),
        farMissed: missedAt95(known, others),
      },
    ]),
  );
}

/** The scores that are computed in Python. */
async function byPeer(
  fitted: Labelled & { readonly columns: number },
  asked: Readonly<Record<(typeof KINDS)[number], Float32Array>>,
  { weights, bias }: Head,
): Promise<Record<string, Scores>> {
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    for (const [name, { buffer, byteOffset, byteLength }] of Object.entries({
      ...{ ...asked, fitted: fitted.data, weights, bias },
    }))
      await writeFile(join(folder, `${name}.f32`), new Uint8Array(buffer, byteOffset, byteLength));
    const facts = { columns: fitted.columns, labels: [...fitted.labels], asked: KINDS };
    await writeFile(join(folder, "facts.json"), JSON.stringify(facts));
    const { json } = await runJson(PYTHON, [join(ROOT, "bench", "peers", "unknowns.py"), folder]);
    return json as Record<string, Scores>;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
