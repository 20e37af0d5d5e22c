import { describe, expect, it } from "vitest";
import { artifactKeys } from "./contract.ts";
import { doubtOf, trustIn } from "./trust.ts";

const novelty = { threshold: 0.4, falseAlarmRate: 0.05, neighbours: 5, fittedOn: 100 };
const conformal = { coverage: 0.9, threshold: 0.3, calibratedOn: 100 };
const metadata = new Map([
  [artifactKeys.novelty, JSON.stringify(novelty)],
  [artifactKeys.conformal, JSON.stringify({ ...conformal, more: "ignored" })],
]);
const probabilities = Float32Array.of(0.35, 0.05, 0.6);
const classes = ["a", "b", "c"];

describe("trust", () => {
  it("is read from the metadata and judges an answer", () => {
    const trust = trustIn(metadata);
    expect(trust).toEqual({ novelty, conformal });
    expect(doubtOf(trust, classes, { probabilities, novelty: 0.41 })).toEqual({
      unknown: true,
      novelty: 0.41,
      set: ["c", "a"],
    });
    expect(doubtOf(trust, classes, { probabilities, novelty: 0.4 }).unknown).toBe(false);
  });

  it("says nothing for artifacts without rules, without the output, or with rules that are none", () => {
    expect(doubtOf(trustIn(new Map()), classes, { probabilities, novelty: 0.9 })).toEqual({});
    expect(doubtOf({ novelty }, classes, { probabilities, novelty: undefined })).toEqual({});
    for (const text of ["", "{", "null", "[]", '{"threshold":"0.4"}', '{"threshold":null,"falseAlarmRate":1}'])
      expect(trustIn(new Map([[artifactKeys.novelty, text]]))).toEqual({});
  });
});
