import { describe, expect, it } from "vitest";
import { createMeter, type Progress } from "./progress.ts";
import { createProgressLine, durationText, type ProgressSink, progressText } from "./progress-line.ts";

function clock() {
  let time = 5_000;
  const pass = (milliseconds: number): void => {
    time += milliseconds;
  };
  return { now: () => time, pass };
}

function sink(terminal: boolean, columns = 80): ProgressSink & { readonly written: string[] } {
  const written: string[] = [];
  return { isTTY: terminal, columns, written, write: (text) => written.push(text) };
}

const at = (done: number, stage = "Extracting"): Progress => ({
  stage,
  done,
  total: 100,
  unit: "images",
  ratePerSecond: 0,
  secondsLeft: undefined,
});

describe("createMeter", () => {
  it("reports the start, then rate and time left", () => {
    const { now, pass } = clock();
    const reports: Progress[] = [];
    const meter = createMeter({
      stage: "Extracting",
      unit: "images",
      total: 100,
      onProgress: (p) => reports.push(p),
      now,
    });
    expect(reports).toEqual([at(0)]);
    pass(2000);
    meter.add(20);
    expect(reports[1]).toMatchObject({ done: 20, ratePerSecond: 10, secondsLeft: 8 });
    pass(1000);
    meter.set(100);
    expect(reports[2]).toMatchObject({ done: 100, secondsLeft: 0 });
  });

  it("ignores what is more than ten seconds old", () => {
    const { now, pass } = clock();
    let last: Progress | undefined;
    const meter = createMeter({ stage: "s", unit: "images", total: 10_000, onProgress: (p) => (last = p), now });
    for (let second = 0; second < 20; second++) {
      pass(1000);
      meter.add(100);
    }
    for (let second = 0; second < 20; second++) {
      pass(1000);
      meter.add(2);
    }
    expect(last!.ratePerSecond).toBeCloseTo(2, 6);
  });

  it("does not count earlier work for the rate", () => {
    const { now, pass } = clock();
    let last: Progress | undefined;
    const meter = createMeter({
      stage: "s",
      unit: "bytes",
      total: 1000,
      from: 800,
      onProgress: (p) => (last = p),
      now,
    });
    expect(last).toMatchObject({ done: 800, ratePerSecond: 0 });
    pass(1000);
    meter.set(850);
    expect(last).toMatchObject({ done: 850, ratePerSecond: 50, secondsLeft: 3 });
  });

  it("has no time left without a total", () => {
    const { now, pass } = clock();
    let last: Progress | undefined;
    const meter = createMeter({ stage: "s", unit: "bytes", onProgress: (p) => (last = p), now });
    pass(500);
    meter.add(1000);
    expect(last).toMatchObject({ ratePerSecond: 2000, total: undefined, secondsLeft: undefined });
  });
});

describe("createProgressLine", () => {
  it("overwrites one line of a terminal, at most ten times a second, and ends with the last state", () => {
    const { now, pass } = clock();
    const out = sink(true);
    const line = createProgressLine({ sink: out, now });
    for (let done = 0; done < 100; done++) {
      line.show(at(done));
      pass(10);
    }
    line.show(at(100));
    line.end();
    expect(out.written[0]).toBe("\rExtracting: 0 of 100 images\u001b[K");
    expect(out.written.slice(-2)).toEqual(["\rExtracting: 100 of 100 images\u001b[K", "\n"]);
    expect(out.written.length).toBeLessThanOrEqual(13);
    expect(out.written.length).toBeGreaterThanOrEqual(10);
  });

  it("stays within the width of the terminal", () => {
    const out = sink(true, 12);
    createProgressLine({ sink: out, now: () => 0 }).show(at(1));
    expect(out.written).toEqual(["\rExtracting:\u001b[K"]);
  });

  it("writes each stage on its own line", () => {
    const out = sink(true);
    const line = createProgressLine({ sink: out, now: () => 0 });
    line.show(at(1, "One"));
    line.show(at(2, "Two"));
    line.end();
    line.end();
    expect(out.written.join("")).toBe("\rOne: 1 of 100 images\u001b[K\n\rTwo: 2 of 100 images\u001b[K\n");
  });

  it("writes a line every ten seconds without a terminal", () => {
    const { now, pass } = clock();
    const out = sink(false);
    const line = createProgressLine({ sink: out, now });
    for (let second = 0; second < 25; second++) {
      line.show(at(second));
      pass(1000);
    }
    line.end();
    expect(out.written).toEqual([
      "Extracting: 10 of 100 images\n",
      "Extracting: 20 of 100 images\n",
      "Extracting: 24 of 100 images\n",
    ]);
  });

  it("writes nothing about a short stage without a terminal, and nothing at all when quiet", () => {
    for (const options of [{ sink: sink(false) }, { sink: sink(true), quiet: true }]) {
      const line = createProgressLine({ ...options, now: () => 0 });
      line.show(at(1));
      line.show(at(100));
      line.end();
      expect(options.sink.written).toEqual([]);
    }
  });
});

describe("progressText", () => {
  it("names amount, rate and time left", () => {
    const images = { ...at(1234), total: 5000, ratePerSecond: 41.7, secondsLeft: 90.3 };
    expect(progressText(images)).toBe("Extracting: 1,234 of 5,000 images, 42 images/s, 1 min 31 s left");
    expect(progressText({ ...at(3), total: undefined, ratePerSecond: 1.26 })).toBe(
      "Extracting: 3 images, 1.3 images/s",
    );
    const bytes = {
      ...at(12_345_678, "Fetching"),
      total: 95_128_781,
      unit: "bytes",
      ratePerSecond: 2.5e7,
      secondsLeft: 3.2,
    };
    expect(progressText(bytes)).toBe("Fetching: 12.3 of 95.1 MB, 25.0 MB/s, 4 s left");
  });

  it.each([
    [0.2, "1 s"],
    [60, "1 min 0 s"],
    [3599, "59 min 59 s"],
    [3600, "1 h 0 min"],
    [7301, "2 h 2 min"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});
