import { expect, test } from "vitest";
import { operatorsPage } from "./gradients.ts";

test("docs/operators.md lists all rules", async () => {
  await expect(operatorsPage()).toMatchFileSnapshot("../../docs/operators.md");
});
