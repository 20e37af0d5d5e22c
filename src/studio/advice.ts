/**
 * The recommendation of a project: a `graft recommend` in a process of its own, one at a time, whose answer is kept in the
 * project and read again by who opens it next.
 */

import { type ChildProcess, spawn } from "node:child_process";
import * as v from "valibot";
import { knownSpeeds } from "../advise/recommend/network-cost.ts";
import { workError } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import { type CatalogueEntry, catalogue, DEFAULT_NETWORK, weightsSourceOf } from "../networks/catalogue/catalogue.ts";
import { inspect, isOnDisk, openNetwork } from "../networks/open.ts";
import type { PresetName } from "../networks/preprocessing/preprocessing.ts";
import type { NetworkRow, NetworkTable, Recommendation } from "./api.ts";
import { readOwnJson } from "./project/own-files.ts";

export interface Advice {
  state(): Recommendation;
  /** Throws a work error where one is being computed already. */
  start(): Recommendation;
  /** Ends what is being computed. */
  stop(): void;
  /** What was wrong with the answer that was kept, until there is another. */
  damage(): readonly string[];
}

export interface AdviceOptions {
  /** The project's folder. */
  readonly root: string;
  /** Where the answer is kept. */
  readonly file: string;
  /** The program and the words that `graft` is started with. */
  readonly command: readonly string[];
  /** Files that take part beside the catalogue, and what else `graft recommend` is told. */
  readonly words: readonly string[];
  readonly onChange: (recommendation: Recommendation) => void;
}

/** What a recommendation may take; the page says so. */
export const ADVICE_SECONDS = 60;

const none: Recommendation = { kind: "none", reason: "No networks have been compared on these images yet." };

const text = v.pipe(v.string(), v.maxLength(4096));
const number = v.pipe(v.number(), v.finite());
const interval = v.tuple([number, number]);
const measured = { accuracy: number, interval, isTied: v.boolean(), trainSeconds: number };

/** The parts of `graft recommend --json` that the page shows. */
const printedSchema = v.object({
  recommended: v.nullable(text),
  reason: text,
  pictures: v.object({ available: number }),
  candidates: v.array(v.object({ name: text, ...measured, cost: v.object({ latencyMs: number }) })),
});
type Printed = v.InferOutput<typeof printedSchema>;

/** What is kept of it. The file may be anybody's. */
const keptSchema: v.GenericSchema<unknown, Recommendation> = v.object({
  kind: v.literal("ranked"),
  best: v.nullable(text),
  reason: text,
  pictures: number,
  candidates: v.pipe(v.array(v.object({ network: text, ...measured, latencyMs: number })), v.maxLength(1000)),
});
const KEPT_BYTES = 2 ** 20;

/** Opens the advice of a project, with what was computed before. */
export async function openAdvice({ root, file, command, words, onChange }: AdviceOptions): Promise<Advice> {
  let child: ChildProcess | undefined;
  const kept = await readOwnJson(file, keptSchema, KEPT_BYTES);
  let current = kept.kind === "read" ? kept.value : none;
  let damage = kept.kind === "damaged" ? [`The saved comparison of networks cannot be read: ${kept.reason}.`] : [];
  const become = (next: Recommendation): Recommendation => {
    current = next;
    onChange(next);
    return next;
  };

  const ended = async (code: number | null, printed: string, said: string): Promise<void> => {
    child = undefined;
    if (code !== 0) return void become({ kind: "none", reason: lastSentence(said) });
    const found = rankedFrom(v.parse(printedSchema, JSON.parse(printed)));
    await writeWhole(file, `${JSON.stringify(found)}\n`);
    damage = [];
    become(found);
  };

  return {
    damage: () => damage,
    state: () => current,
    start() {
      if (child) throw workError("A comparison of networks is already running. Wait until it ends.");
      const [program, ...first] = command;
      const asked = ["recommend", root, "--json", "--budget", `${ADVICE_SECONDS}s`, ...words];
      const own = spawn(program!, [...first, ...asked], {
        stdio: ["ignore", "pipe", "pipe"],
        windowsHide: true,
        env: { ...process.env, NO_COLOR: "1" },
      });
      child = own;
      let [printed, said] = ["", ""];
      own.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
      own.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-4000);
        if (current.kind === "running") become({ kind: "running", words: lastSentence(said) });
      });
      own.on("error", () => {
        child = undefined;
        become({ kind: "none", reason: "The comparison could not start. Restart the studio." });
      });
      own.on("close", (code) => {
        if (child !== own) return;
        ended(code, printed, said).catch(() =>
          become({
            kind: "none",
            reason: "The result of the comparison could not be saved. Check whether the disk is full.",
          }),
        );
      });
      return become({ kind: "running", words: "Beginning." });
    },
    stop() {
      child?.kill("SIGINT");
    },
  };
}

const rankedFrom = ({ recommended, reason, pictures, candidates }: Printed): Recommendation => ({
  kind: "ranked",
  best: recommended,
  reason,
  pictures: pictures.available,
  candidates: candidates.map(({ name, accuracy, interval, isTied, trainSeconds, cost }) => ({
    ...{ network: name, accuracy, interval, isTied, trainSeconds },
    latencyMs: cost.latencyMs,
  })),
});

/** The last line that a program said, without its own name. */
const lastSentence = (said: string): string =>
  said
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^graft: /, "") || "The comparison ended without a message.";

// The networks that the page offers: the catalogue, and files that the studio was started with.

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
