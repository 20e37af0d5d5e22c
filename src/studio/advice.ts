/**
 * The recommendation of a project: a `graft recommend` in a process of its own, one at a time, whose answer is kept in the
 * project and read again by who opens it next.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { workError } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import type { Recommendation } from "./api.ts";

export interface Advice {
  state(): Recommendation;
  /** Throws a work error where one is being computed already. */
  start(): Recommendation;
  /** Ends what is being computed. */
  stop(): void;
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

const none: Recommendation = { kind: "none", reason: "Nothing has been measured on these pictures yet." };

/** The parts of `graft recommend --json` that the page shows. */
interface Printed {
  readonly recommended: string | null;
  readonly reason: string;
  readonly pictures: { readonly available: number };
  readonly candidates: readonly {
    readonly name: string;
    readonly accuracy: number;
    readonly interval: readonly [number, number];
    readonly isTied: boolean;
    readonly trainSeconds: number;
    readonly cost: { readonly latencyMs: number };
  }[];
}

/** Opens the advice of a project, with what was computed before. */
export async function openAdvice({ root, file, command, words, onChange }: AdviceOptions): Promise<Advice> {
  let child: ChildProcess | undefined;
  let current = (await readRanked(file)) ?? none;
  const become = (next: Recommendation): Recommendation => {
    current = next;
    onChange(next);
    return next;
  };

  const ended = async (code: number | null, printed: string, said: string): Promise<void> => {
    child = undefined;
    if (code !== 0) return void become({ kind: "none", reason: lastSentence(said) });
    const found = rankedFrom(JSON.parse(printed) as Printed);
    await writeWhole(file, `${JSON.stringify(found)}\n`);
    become(found);
  };

  return {
    state: () => current,
    start() {
      if (child) throw workError("The networks are being compared already: wait for it to end.");
      const [program, ...first] = command;
      const asked = ["recommend", root, "--json", "--budget", `${ADVICE_SECONDS}s`, ...words];
      const own = spawn(program!, [...first, ...asked], {
        stdio: ["ignore", "pipe", "pipe"],
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
        become({ kind: "none", reason: "The comparison could not be started: restart the studio." });
      });
      own.on("close", (code) => {
        if (child !== own) return;
        ended(code, printed, said).catch(() =>
          become({ kind: "none", reason: "The comparison's answer could not be kept: see whether the disk is full." }),
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

/** What was kept; nothing where there is none, or it is no such thing. */
async function readRanked(file: string): Promise<Recommendation | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const kept = JSON.parse(text) as Recommendation;
    return kept.kind === "ranked" && Array.isArray(kept.candidates) ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** The last line that a program said, without its own name. */
const lastSentence = (said: string): string =>
  said
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^graft: /, "") || "The comparison ended without a word.";
