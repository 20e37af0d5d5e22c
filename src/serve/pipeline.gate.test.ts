import { describe, expect, it } from "vitest";
import { createGate } from "./pipeline.ts";

/** Work that ends when the test says so. */
function work(): { promise: Promise<void>; end(): void } {
  let end: () => void = () => {};
  const promise = new Promise<void>((done) => {
    end = done;
  });
  return { promise, end };
}

describe("a gate", () => {
  it("lets so many through at once, in order, and the next when one has ended, failed or not", async () => {
    const gate = createGate(2);
    const began: number[] = [];
    const pieces = [work(), work(), work(), work()];
    const runs = pieces.map(({ promise }, i) =>
      gate.run(async () => {
        began.push(i);
        await promise;
        if (i === 0) throw new Error("broken");
      }),
    );
    const failed = expect(runs[0]).rejects.toThrow("broken");
    await Promise.resolve();
    expect(began).toEqual([0, 1]);
    pieces[0]!.end();
    await failed;
    await Promise.resolve();
    expect(began).toEqual([0, 1, 2]);
    for (const { end } of pieces) end();
    await Promise.all(runs.slice(1));
    expect(began).toEqual([0, 1, 2, 3]);
  });

  it("does not begin aborted work, and frees its place", async () => {
    const gate = createGate(1);
    const controller = new AbortController();
    controller.abort(new Error("gone"));
    await expect(gate.run(() => Promise.reject(new Error("was begun")), controller.signal)).rejects.toThrow("gone");
    expect(await gate.run(async () => "next")).toBe("next");
  });

  it("holds work back while it may not begin, until it looks again", async () => {
    let mayBegin = false;
    const gate = createGate(1, () => mayBegin);
    let hasBegun = false;
    const run = gate.run(async () => {
      hasBegun = true;
    });
    await Promise.resolve();
    expect(hasBegun).toBe(false);
    mayBegin = true;
    gate.look();
    await run;
    expect(hasBegun).toBe(true);
  });
});
