/**
 * The recommendation of a project: a `graft recommend` process, one at a time, whose result is saved in the project; and the
 * networks that the page offers.
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
  /** Throws a work error if a recommendation is already being computed. */
  start(): Recommendation;
  /** Stops the computation. */
  stop(): void;
  /** What was wrong with the saved result, until there is a new one. */
  damage(): readonly string[];
}

export interface AdviceOptions {
  /** The project's folder. */
  readonly root: string;
  /** Where the result is saved. */
  readonly file: string;
  /** The program and arguments that start `graft`. */
  readonly command: readonly string[];
  /** Further arguments of `graft recommend`: files that take part beside the catalogue. */
  readonly args: readonly string[];
  readonly onChange: (recommendation: Recommendation) => void;
}

/** The budget of a recommendation in seconds; the page states it. */
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

/** The saved result. The file may come from anyone. */
const keptSchema: v.GenericSchema<unknown, Recommendation> = v.object({
  kind: v.literal("ranked"),
  best: v.nullable(text),
  reason: text,
  pictures: number,
  candidates: v.pipe(v.array(v.object({ network: text, ...measured, latencyMs: number })), v.maxLength(1000)),
});
const KEPT_BYTES = 2 ** 20;

/** Opens the recommendation of a project, with the saved result. */
export async function openAdvice({ root, file, command, args, onChange }: AdviceOptions): Promise<Advice> {
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
      const recommendArgs = ["recommend", root, "--json", "--budget", `${ADVICE_SECONDS}s`, ...args];
      const own = spawn(program!, [...first, ...recommendArgs], {
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

/** The last line of a program's messages, without its name. */
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
  /** The names that a training may use. */
  readonly names: readonly string[];
  table(): Promise<NetworkTable>;
  /** Options of `graft train` for a network. */
  trainArgs(network: string): readonly string[];
  /** Options of `graft recommend` that include all networks. */
  readonly adviceArgs: readonly string[];
}

/** Reads the files, so that one that is not a network is reported at the start. */
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
    trainArgs(network) {
      return optionsFor(own.find(({ path }) => path === network)?.preprocessing);
    },
    adviceArgs: [
      ...own.flatMap(({ path }) => ["--network", path]),
      // `graft recommend` accepts one preprocessing for all files, as `graft studio` does.
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
