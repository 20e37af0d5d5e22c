import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Batcher, createBatcher } from "./batcher.ts";

/** The batches that have started, each with a function that ends it. */
interface Begun {
  readonly lane: number;
  readonly key: string;
  readonly items: readonly number[];
  end(): void;
  fail(error: Error): void;
}

function scene(options: { lanes?: number; maxBatch?: number; maxWaitMs?: number } = {}) {
  const begun: Begun[] = [];
  const batcher: Batcher<string, number, number> = createBatcher({
    lanes: 1,
    maxBatch: 4,
    maxWaitMs: 5,
    now: () => Date.now(),
    ...options,
    run: (lane, key, items) =>
      new Promise((resolve, reject) => {
        begun.push({ lane, key, items, end: () => resolve(items.map((item) => item * 10)), fail: reject });
      }),
  });
  const arrive = (item: number, key = "a"): Promise<number> => batcher.announce(key).arrive(item);
  return { batcher, begun, arrive, batches: () => begun.map(({ items }) => items) };
}

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => {});

describe("a batcher", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("runs a lone item at once", async () => {
    const { begun, arrive, batches } = scene();
    const result = arrive(7);
    expect(batches()).toEqual([[7]]);
    begun[0]!.end();
    expect(await result).toBe(70);
  });

  it("waits for an item on its way, up to the bound and no longer", async () => {
    const { batcher, arrive, batches } = scene();
    const late = batcher.announce("a");
    void arrive(1);
    await vi.advanceTimersByTimeAsync(4);
    expect(batches()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches()).toEqual([[1]]);
    void late.arrive(2);
    expect(batches()).toEqual([[1]]);
  });

  it("begins as soon as no item is coming any more", async () => {
    const { batcher, arrive, batches } = scene();
    const [second, third] = [batcher.announce("a"), batcher.announce("a")];
    void arrive(1);
    void second.arrive(2);
    expect(batches()).toEqual([]);
    third.leave();
    expect(batches()).toEqual([[1, 2]]);
  });

  it("begins as soon as a batch is full", () => {
    const { batcher, arrive, batches } = scene({ maxBatch: 2 });
    batcher.announce("a");
    void arrive(1);
    void arrive(2);
    expect(batches()).toEqual([[1, 2]]);
  });

  it("fills batches while the lanes are busy, and shares them among lanes that are free", async () => {
    const one = scene();
    for (let i = 0; i < 7; i++) void one.arrive(i);
    one.begun[0]!.end();
    await settle();
    expect(one.batches()).toEqual([[0], [1, 2, 3, 4]]);
    const two = scene({ lanes: 2 });
    const late = two.batcher.announce("a");
    for (let i = 0; i < 3; i++) void two.arrive(i);
    late.leave();
    expect(two.begun.map(({ lane }) => lane).sort()).toEqual([0, 1]);
    expect(two.batches()).toEqual([[0, 1], [2]]);
  });

  it("never mixes keys, and serves the longest waiting first", async () => {
    const { begun, arrive, batches } = scene();
    void arrive(0, "a");
    for (const [item, key] of [
      [1, "b"],
      [2, "a"],
      [3, "b"],
    ] as const) {
      void arrive(item, key);
      await vi.advanceTimersByTimeAsync(1);
    }
    begun[0]!.end();
    await settle();
    begun[1]!.end();
    await settle();
    expect(batches()).toEqual([[0], [1, 3], [2]]);
  });

  it("drops an item whose signal is aborted before its turn, not the others", async () => {
    const { batcher, begun, arrive, batches } = scene();
    void arrive(0);
    const controller = new AbortController();
    const gone = batcher.announce("a").arrive(1, controller.signal);
    void arrive(2);
    controller.abort(new Error("gone"));
    begun[0]!.end();
    await expect(gone).rejects.toThrow("gone");
    expect(batches()).toEqual([[0], [2]]);
    expect(batcher.waiting).toBe(0);
  });

  it("fails a whole batch with its run, and continues with the next", async () => {
    const { begun, arrive, batches } = scene();
    const first = arrive(0);
    const second = arrive(1);
    begun[0]!.fail(new Error("broken"));
    await expect(first).rejects.toThrow("broken");
    begun[1]!.end();
    expect(await second).toBe(10);
    expect(batches()).toEqual([[0], [1]]);
  });
});

describe("any order of coming, leaving and ending", () => {
  it("answers each item once, in batches within the bound, on lanes that are free", async () => {
    const step = fc.record({ key: fc.constantFrom("a", "b"), leaves: fc.boolean(), pause: fc.nat(2) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), async (steps, lanes) => {
        const busy = new Set<number>();
        const batcher = createBatcher<string, number, number>({
          lanes,
          maxBatch: 3,
          maxWaitMs: 1,
          async run(lane, _, items) {
            expect(busy.has(lane)).toBe(false);
            expect(items.length).toBeLessThanOrEqual(3);
            busy.add(lane);
            await new Promise((done) => setImmediate(done));
            busy.delete(lane);
            return items.map((item) => item * 10);
          },
        });
        const results = steps.map(async ({ key, leaves, pause }, i) => {
          const place = batcher.announce(key);
          for (let turn = 0; turn < pause; turn++) await new Promise((done) => setImmediate(done));
          if (leaves) return place.leave();
          expect(await place.arrive(i)).toBe(i * 10);
        });
        await Promise.all(results);
        expect(batcher.waiting).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
