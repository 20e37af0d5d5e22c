import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createBudget } from "./concurrency.ts";

describe("a budget", () => {
  it("takes what fits, refuses what does not, and can take again what was given back", () => {
    const budget = createBudget(10);
    expect([budget.take(6), budget.take(5), budget.take(4), budget.take(1), budget.used]).toEqual([
      true,
      false,
      true,
      false,
      10,
    ]);
    budget.give(4);
    expect([budget.take(5), budget.take(4)]).toEqual([false, true]);
  });

  it("serves waiting requests in order, as soon as there is enough for the first", async () => {
    const budget = createBudget(10);
    const began: string[] = [];
    const wait = (name: string, weight: number): void => void budget.wait(weight).then(() => began.push(name));
    wait("a", 6);
    wait("b", 5);
    wait("c", 1);
    await turn();
    expect(began).toEqual(["a"]);
    budget.give(6);
    await turn();
    expect([began, budget.used]).toEqual([["a", "b", "c"], 6]);
  });

  it("serves a request larger than the whole budget alone", async () => {
    const budget = createBudget(10);
    await budget.wait(3);
    let isIn = false;
    void budget.wait(100).then(() => {
      isIn = true;
    });
    await turn();
    expect(isIn).toBe(false);
    budget.give(3);
    await turn();
    expect([isIn, budget.used, budget.take(1)]).toEqual([true, 100, false]);
  });

  it("drops aborted requests and serves the next", async () => {
    const budget = createBudget(10);
    await budget.wait(8);
    const controller = new AbortController();
    const gone = budget.wait(9, controller.signal);
    const next = budget.wait(2);
    controller.abort(new Error("gone"));
    await expect(gone).rejects.toThrow("gone");
    await next;
    expect(budget.used).toBe(10);
    await expect(budget.wait(1, AbortSignal.abort(new Error("never")))).rejects.toThrow("never");
  });
});
