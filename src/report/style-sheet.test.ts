import { describe, expect, it } from "vitest";
import { contrast, darkPalette, heatLevel, heatSteps, heatThresholds, lightPalette, mix } from "./style-sheet.ts";

/** WCAG 2.2 AA for text, and for marks that are not text. */
const TEXT = 4.5;
const MARK = 3;

describe.each([
  ["light", lightPalette],
  ["dark", darkPalette],
])("the %s palette", (_, palette) => {
  it("is readable everywhere (AA)", () => {
    for (const ground of [palette.paper, palette.surface]) {
      for (const text of [palette.ink, palette.muted, palette.accent])
        expect(contrast(text, ground), `${text} on ${ground}`).toBeGreaterThanOrEqual(TEXT);
    }
    for (const mark of [palette.accent, palette.muted])
      expect(contrast(mark, palette.rule), `${mark} on ${palette.rule}`).toBeGreaterThanOrEqual(MARK);
    for (const { fill, ink } of heatSteps(palette))
      expect(contrast(fill, ink), `${ink} on ${fill}`).toBeGreaterThanOrEqual(TEXT);
  });

  it("steps away from the paper without turning back", () => {
    const distances = heatSteps(palette)
      .slice(1)
      .map(({ fill }) => contrast(fill, palette.paper));
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(heatSteps(palette).length).toBe(heatThresholds.length);
  });
});

describe("heatLevel", () => {
  it("keeps nothing apart from almost nothing", () => {
    expect([0, 0.001, 0.02, 0.0999, 0.5, 0.8, 1].map(heatLevel)).toEqual([0, 1, 2, 3, 6, 7, 7]);
  });
});

describe("colour arithmetic", () => {
  it("agrees with WCAG's examples", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 10);
    expect(contrast("#ffffff", "#777777")).toBeCloseTo(4.48, 2);
    expect(mix("#000000", "#ff8001", 0.5)).toBe("#804001");
  });
});
