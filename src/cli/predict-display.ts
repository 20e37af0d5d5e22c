/** How `graft predict` tells what it found while it works: a line of text each, or one JSON object that grows. */
import type { Prediction } from "../artifact/artifact.ts";
import type { UncertaintyRules } from "../artifact/trust.ts";
import type { Ignored } from "../data/dataset/discover.ts";
import { jsonText, note, percent, print } from "./output.ts";

type Found = { readonly path: string } & Prediction;

interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface PredictDisplay {
  found(one: Found): void;
  skipped(one: Skipped): void;
  /** Called once after all, with what is to be said of the end. */
  end(facts: EndFacts): void;
}

/** How it ended; nothing where all files were asked about. */
export interface EndFacts {
  /** Files of folders and archives that were not asked about. */
  readonly ignored: readonly Ignored[];
  readonly stopped?: true | undefined;
  /** The sentence of a failure. */
  readonly error?: string | undefined;
}

/** One line each, and the reason of those that could not be read on stderr. */
export const linesDisplay = ({ novelty: rule }: UncertaintyRules): PredictDisplay => ({
  found({ path, top, unknown, novelty }) {
    const named = top.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
    const { threshold } = rule ?? {};
    print(
      unknown
        ? `${path}: unknown, unlike what it was trained on (novelty ${novelty?.toFixed(2)}, above ${threshold?.toFixed(2)}); else ${named}`
        : `${path}: ${named}`,
    );
  },
  skipped: ({ reason }) => note(`Skipped: ${reason}`),
  end() {},
});

/**
 * `{"predictions":[…],"skipped":[…],"ignored":[…]}`, written entry by entry, so that memory holds none of them: one JSON object whatever
 * ends the work. Nothing is written where nothing was found.
 */
export function jsonDisplay(write: (text: string) => unknown): PredictDisplay {
  const skipped: Skipped[] = [];
  let count = 0;
  return {
    found(one) {
      write(`${count === 0 ? '{"predictions":[' : ","}${jsonText(one)}`);
      count++;
    },
    skipped(one) {
      skipped.push(one);
      note(`Skipped: ${one.reason}`);
    },
    end(facts) {
      if (count === 0 && facts.stopped === undefined) return;
      if (count === 0) write('{"predictions":[');
      write(`],${jsonText({ skipped, ...facts }).slice(1)}\n`);
    },
  };
}
