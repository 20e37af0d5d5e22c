import { describe, expect, it } from "vitest";
import { createProgressJson, readProgressEvent } from "./child-messages.ts";
import { createMeter } from "./progress.ts";

describe("progress as JSON", () => {
  it("writes the first and last state of each stage, and reads the same back", () => {
    const lines: string[] = [];
    let clock = 0;
    const json = createProgressJson(
      (line) => lines.push(line),
      () => clock,
    );
    const meter = createMeter({ stage: "A", unit: "images", total: 100, onProgress: json.show, now: () => clock });
    for (let i = 0; i < 100; i++) {
      clock += 10;
      meter.add();
    }
    createMeter({ stage: "B", unit: "fits", onProgress: json.show, now: () => clock });
    json.epoch({ epoch: 1, loss: 0.5, validationAccuracy: 0.75 });
    json.end();
    const events = lines.map((line) => readProgressEvent(line.trimEnd()));
    const stages = events.flatMap((event) => (event.event === "progress" ? [event.progress] : []));
    expect(stages.map(({ stage, done }) => [stage, done])).toEqual([
      ["A", 0],
      ["A", 20],
      ["A", 40],
      ["A", 60],
      ["A", 80],
      ["A", 100],
      ["B", 0],
    ]);
    expect(events.at(-1)).toEqual({ event: "epoch", epoch: { epoch: 1, loss: 0.5, validationAccuracy: 0.75 } });
  });

  it("reads every other line as text", () => {
    for (const text of ["Skipped a.jpg", '{"event":"progress","prog', '{"event":"other"}', "{}"])
      expect(readProgressEvent(text)).toEqual({ event: "text", text });
  });
});
