import { expect, it } from "vitest";
import { engine } from "./session.ts";

it("says what ONNX Runtime needs if there is no build for the processor", async () => {
  const { arch } = process;
  Object.defineProperty(process, "arch", { value: "abacus", configurable: true });
  try {
    await expect(engine()).rejects.toMatchObject({
      kind: "work",
      message: expect.stringMatching(/^ONNX Runtime could not be loaded \(.*abacus.*\)\. It needs .*\.$/),
    });
  } finally {
    Object.defineProperty(process, "arch", { value: arch });
  }
});
