/** The output of `graft predict`, written as predictions arrive: one line of text each, or one JSON object. */
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
  /** Called once at the end. */
  end(facts: EndFacts): void;
}

/** How the work ended; empty if all files were processed. */
export interface EndFacts {
  /** Files of folders and archives that were left out. */
  readonly ignored: readonly Ignored[];
  readonly stopped?: true | undefined;
  /** The message of a failure. */
  readonly error?: string | undefined;
}

/** One line per image; files that cannot be read go to stderr with the reason. */
export const linesDisplay = ({ novelty: rule }: UncertaintyRules): PredictDisplay => ({
  found({ path, top, unknown, novelty }) {
    const named = top.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
    const { threshold } = rule ?? {};
    print(
      unknown
        ? `${path}: unknown, unlike the training images (novelty ${novelty?.toFixed(2)}, above ${threshold?.toFixed(2)}); otherwise ${named}`
        : `${path}: ${named}`,
    );
  },
  skipped: ({ reason }) => note(`Skipped: ${reason}`),
  end() {},
});

/**
 * `{"predictions":[…],"skipped":[…],"ignored":[…]}`, written entry by entry, so that memory holds none of them. The output is one
 * complete JSON object however the work ends. Without any prediction, nothing is written.
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
