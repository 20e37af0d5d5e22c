import { expect, test } from "vitest";
import { operatorsPage } from "./gradients.ts";

test("docs/operators.md lists the rules as they are", async () => {
  await expect(operatorsPage()).toMatchFileSnapshot("../../docs/operators.md");
});
