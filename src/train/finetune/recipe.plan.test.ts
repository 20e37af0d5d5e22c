import { describe, expect, test } from "vitest";
import { unfrozen } from "./recipe.ts";

const stages = ["stem", "layer1", "layer2", "2"].map((name) => ({
  name,
  output: `${name}/out`,
  parameters: 1,
  multiplyAdds: 1,
}));
const plan = (wanted: string) => unfrozen(stages, wanted, "net");

describe("--unfreeze", () => {
  test("a stage trains with all after it; the boundary is at the end of the one before", () => {
    expect(plan("layer2")).toMatchObject({ stages: ["layer2", "2"], boundary: "layer1/out" });
  });

  test("a number counts from the end, but a stage of that name takes precedence", () => {
    expect(plan("3")).toMatchObject({ stages: ["layer1", "layer2", "2"], boundary: "stem/out" });
    expect(plan("2")).toMatchObject({ stages: ["2"], boundary: "layer2/out" });
  });

  test("all, the first stage, and the number of all stages freeze nothing", () => {
    for (const wanted of ["all", "stem", "4"]) {
      expect(plan(wanted).boundary).toBeUndefined();
      expect(plan(wanted).stages).toEqual(["stem", "layer1", "layer2", "2"]);
    }
  });

  test("unknown names are answered with the list of stages", () => {
    expect(() => plan("layer9")).toThrow(
      'There is no stage "layer9", did you mean "layer1": the stages of net are stem, layer1, layer2, 2; none and all are possible too.',
    );
    expect(() => plan("5")).toThrow("--unfreeze 5 does not fit: give 1 to 4");
    expect(() => plan("0")).toThrow("--unfreeze 0 does not fit");
  });
});
