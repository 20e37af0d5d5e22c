import { describe, expect, test } from "vitest";
import { jsonDisplay } from "./predict.ts";

const found = (path: string) => ({ path, label: "a", probability: 1, top: [{ label: "a", probability: 1 }] });

const ignored = [{ path: "notes.txt", reason: "not an image by its ending", kind: "litter" as const }];

describe("predictions as one JSON object that grows", () => {
  const shown = (): { text: () => string; display: ReturnType<typeof jsonDisplay> } => {
    let text = "";
    return { text: () => text, display: jsonDisplay((more) => (text += more)) };
  };

  test("each is written as it is found, and the whole is JSON", () => {
    const { text, display } = shown();
    display.found(found("1.png"));
    expect(text()).toContain('"1.png"');
    display.found(found("2\n\u009b.png"));
    expect(text()).not.toMatch(/\p{Cc}/u);
    display.end({ ignored });
    expect(JSON.parse(text())).toEqual({ predictions: [found("1.png"), found("2\n\u009b.png")], skipped: [], ignored });
    expect(text().match(/\n/g)).toHaveLength(1);
  });

  test("what was stopped or failed is JSON too, and says so", () => {
    const stopped = shown();
    stopped.display.end({ ignored, stopped: true });
    expect(JSON.parse(stopped.text())).toEqual({ predictions: [], skipped: [], ignored, stopped: true });
    const failed = shown();
    failed.display.found(found("1.png"));
    failed.display.end({ ignored, error: "The disk is full." });
    expect(JSON.parse(failed.text())).toEqual({
      predictions: [found("1.png")],
      skipped: [],
      ignored,
      error: "The disk is full.",
    });
  });

  test("a failure before anything was found writes nothing", () => {
    const { text, display } = shown();
    display.end({ ignored, error: "no" });
    expect(text()).toBe("");
  });
});
