import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Advice, openAdvice } from "./advice.ts";
import type { Recommendation } from "./api.ts";

const candidate = {
  name: "resnet50",
  accuracy: 0.9,
  interval: [0.85, 0.94],
  isTied: true,
  trainSeconds: 12,
  cost: { latencyMs: 25, sizeBytes: 1e8 },
};
const printed = {
  recommended: "resnet50",
  reason: "It is best.",
  pictures: { available: 80 },
  candidates: [candidate],
};

/** A recommendation whose program is a script; `until` waits for a state of a kind. */
async function adviceOf(script: string, folder = mkdtempSync(join(tmpdir(), "graft-advice-"))) {
  const states: Recommendation[] = [];
  let wake = (): void => {};
  const program = join(folder, "program.cjs");
  writeFileSync(program, script);
  const file = join(folder, "recommendation.json");
  const advice: Advice = await openAdvice({
    ...{ root: folder, file, command: [process.execPath, program], args: ["--offline"] },
    onChange: (state) => {
      states.push(state);
      wake();
    },
  });
  const until = async (kind: Recommendation["kind"]): Promise<Recommendation> => {
    while (advice.state().kind !== kind)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return advice.state();
  };
  return { advice, until, states, folder, file };
}

describe("the advice of a project", () => {
  test("is computed by its own process, followed, saved, and read by the next studio", async () => {
    const script = `process.stderr.write("Comparing\\n" + process.argv.slice(2).join(" ") + "\\n");
      console.log(${JSON.stringify(JSON.stringify(printed))});`;
    const { advice, until, states, folder, file } = await adviceOf(script);
    expect(advice.state().kind).toBe("none");
    expect(advice.start().kind).toBe("running");
    expect(() => advice.start()).toThrow("A comparison of networks is already running");
    const found = await until("ranked");
    expect(found).toEqual({
      kind: "ranked",
      best: "resnet50",
      reason: "It is best.",
      pictures: 80,
      candidates: [
        { network: "resnet50", accuracy: 0.9, interval: [0.85, 0.94], isTied: true, trainSeconds: 12, latencyMs: 25 },
      ],
    });
    expect(states).toContainEqual({ kind: "running", words: `recommend ${folder} --json --budget 60s --offline` });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(found);
    const next = await adviceOf(script, folder);
    expect(next.advice.state()).toEqual(found);
    // And again.
    next.advice.start();
    expect(await next.until("ranked")).toEqual(found);
  });

  test("says why there is none", async () => {
    const { advice, until } = await adviceOf(
      `process.stderr.write("graft: Only one class has pictures: add another.\\n"); process.exitCode = 3;`,
    );
    advice.start();
    expect(await until("none")).toEqual({ kind: "none", reason: "Only one class has pictures: add another." });
  });

  test("an invalid saved result is ignored", async () => {
    const folder = mkdtempSync(join(tmpdir(), "graft-advice-"));
    for (const text of ["{", "null", '{"kind":"ranked"}']) {
      writeFileSync(join(folder, "recommendation.json"), text);
      expect((await adviceOf("", folder)).advice.state().kind).toBe("none");
    }
  });
});
