import { describe, expect, it } from "vitest";
import { artifactKeys } from "./artifact-graph.ts";
import { readUncertaintyRules, uncertaintyOf } from "./predict.ts";

const novelty = { threshold: 0.4, falseAlarmRate: 0.05, neighbours: 5, fittedOn: 100 };
const conformal = { coverage: 0.9, threshold: 0.3, calibratedOn: 100 };
const metadata = new Map([
  [artifactKeys.novelty, JSON.stringify(novelty)],
  [artifactKeys.conformal, JSON.stringify({ ...conformal, more: "ignored" })],
]);
const probabilities = Float32Array.of(0.35, 0.05, 0.6);
const classes = ["a", "b", "c"];

describe("uncertainty", () => {
  it("is computed by the rules in the metadata", () => {
    const rules = readUncertaintyRules(metadata);
    expect(rules).toEqual({ novelty, conformal });
    expect(uncertaintyOf(rules, classes, { probabilities, oodScore: 0.41 })).toEqual({
      unknown: true,
      novelty: 0.41,
      set: ["c", "a"],
    });
    expect(uncertaintyOf(rules, classes, { probabilities, oodScore: 0.4 }).unknown).toBe(false);
  });

  it("is empty for artifacts without rules, without the output, or with malformed rules", () => {
    expect(uncertaintyOf(readUncertaintyRules(new Map()), classes, { probabilities, oodScore: 0.9 })).toEqual({});
    expect(uncertaintyOf({ novelty }, classes, { probabilities, oodScore: undefined })).toEqual({});
    for (const text of ["", "{", "null", "[]", '{"threshold":"0.4"}', '{"threshold":null,"falseAlarmRate":1}'])
      expect(readUncertaintyRules(new Map([[artifactKeys.novelty, text]]))).toEqual({});
  });
});
