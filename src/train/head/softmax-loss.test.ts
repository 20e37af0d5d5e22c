import { describe, expect, it } from "vitest";
import { contrastsOf, weightsOfClasses } from "./softmax-loss.ts";

describe.each([2, 3, 10])("contrasts of %i classes", (classes) => {
  const contrasts = contrastsOf(classes);
  const row = (k: number) => [...contrasts.subarray(k * classes, (k + 1) * classes)];
  const rows = Array.from({ length: classes - 1 }, (_, k) => row(k));

  it("are orthonormal and sum to zero", () => {
    for (const [k, a] of rows.entries()) {
      expect(a.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 6);
      for (const [l, b] of rows.entries())
        expect(a.reduce((sum, value, c) => sum + value * b[c]!, 0)).toBeCloseTo(k === l ? 1 : 0, 6);
    }
  });

  it("span the weights that sum to zero over the classes", () => {
    const columns = 3;
    const given = Float32Array.from({ length: (classes - 1) * columns }, (_, i) => Math.sin(i + 1));
    const weights = weightsOfClasses(given, classes);
    for (let j = 0; j < columns; j++) {
      const column = Array.from({ length: classes }, (_, c) => weights[c * columns + j]!);
      expect(column.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 5);
      for (const [k, contrast] of rows.entries())
        expect(contrast.reduce((sum, share, c) => sum + share * column[c]!, 0)).toBeCloseTo(given[k * columns + j]!, 5);
    }
  });
});
