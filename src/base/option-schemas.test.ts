import * as v from "valibot";
import { describe, expect, it, test } from "vitest";
import { GraftError } from "./errors.ts";
import {
  abortSignal,
  above,
  callback,
  callOf,
  checked,
  checkedArgument,
  flag,
  listOf,
  oneOf,
  onlyWhen,
  optionsOf,
  rule,
  seed,
  text,
  whole,
} from "./option-schemas.ts";

const schema = v.pipe(
  optionsOf({
    network: text("a network's name"),
    seed: v.optional(seed, 0),
    rate: v.optional(above(0, 100)),
    how: v.optional(oneOf(["fast", "well"])),
    tags: v.optional(listOf(text())),
    isQuick: v.optional(flag),
    onDone: v.optional(callback<() => void>()),
    signal: v.optional(abortSignal),
    tune: v.optional(optionsOf({ stage: text("a stage"), epochs: v.optional(whole(1, 99)) })),
  }),
  onlyWhen(({ how }) => how === "well", ["rate", "isQuick"], 'with {how} "well": add it, or leave {rate} out'),
  rule(({ tags = [] }) => new Set(tags).size === tags.length, "{tags} has a word twice: leave one out."),
);

const said = (value: unknown): string => {
  try {
    checked(schema, value, callOf("work"));
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(GraftError);
    expect(error).toMatchObject({ kind: "usage", code: "usage-invalid" });
    return (error as Error).message;
  }
};

describe("options", () => {
  it("that fit are returned with defaults, and functions and objects are the same ones", () => {
    const signal = AbortSignal.abort();
    const onDone = (): void => {};
    const out = checked(schema, { network: "a", onDone, signal, how: undefined }, callOf("work"));
    expect(out).toMatchObject({ network: "a", seed: 0 });
    expect([out.onDone, out.signal]).toEqual([onDone, signal]);
    expect(out.signal).toBe(signal);
  });

  const cases: [unknown, string][] = [
    [undefined, "work takes an object of options, not undefined."],
    ["photos", 'work takes an object of options, not "photos".'],
    [{}, "The option network of work is missing: it takes a network's name."],
    [{ network: "" }, 'The option network of work takes a network\'s name, not "".'],
    [{ network: 5 }, "The option network of work takes a network's name, not 5."],
    [{ netwrok: "a" }, 'work has no option "netwrok": did you mean network?'],
    [
      { network: "a", colour: 1 },
      'work has no option "colour": it has network, seed, rate, how, tags, isQuick, onDone, signal, tune.',
    ],
    [{ network: "a", tune: { epochs: 1 } }, "The option tune.stage of work is missing: it takes a stage."],
    [{ network: "a", tune: { stage: "x", epoch: 1 } }, 'work has no option "tune.epoch": did you mean tune.epochs?'],
    [
      { network: "a", tune: { stage: "x", epochs: 0 } },
      "The option tune.epochs of work takes a whole number from 1 to 99, not 0.",
    ],
    [{ network: "a", tune: null }, "The option tune of work takes an object of options, not null."],
    [{ network: "a", tags: ["x", 1] }, "The option tags[1] of work takes a text that is not empty, not 1."],
    [{ network: "a", tags: "x" }, 'The option tags of work takes a list, not "x".'],
    [{ network: "a", tags: ["x", "x"] }, "tags has a word twice: leave one out."],
    [{ network: "a", how: "badly" }, 'The option how of work takes one of fast, well, not "badly".'],
    [{ network: "a", isQuick: "yes" }, 'The option isQuick of work takes true or false, not "yes".'],
    [{ network: "a", onDone: 1 }, "The option onDone of work takes a function, not 1."],
    [
      { network: "a", signal: new AbortController() },
      "The option signal of work takes an AbortSignal, not an AbortController.",
    ],
    [{ network: "a", rate: 1 }, 'rate only applies with how "well": add it, or leave rate out.'],
    [{ network: "a", how: "well", rate: 0 }, "The option rate of work takes a number above 0 up to 100, not 0."],
  ];
  test.each(cases)("%o", (value, sentence) => {
    expect(said(value)).toBe(sentence);
  });

  test.each([Number.NaN, -1, 0.5, 2 ** 32, Number.POSITIVE_INFINITY, "1", null, 1n, [], {}])("a seed %o", (value) => {
    expect(said({ network: "a", seed: value })).toMatch(
      /^The option seed of work takes a whole number from 0 to 4294967295, not .*\.$/,
    );
  });

  it("that are huge or hostile give a short sentence without control characters", () => {
    const huge = "\u001b[2J".repeat(2e6);
    for (const value of [huge, { [huge]: 1 }, { network: new Uint8Array(8e6) }, { network: "a", how: huge }]) {
      const sentence = said(value);
      expect(sentence.length).toBeLessThan(400);
      expect(sentence).not.toMatch(/\p{Cc}/u);
    }
  });

  it("have the names of the place where they were given", () => {
    const door = { whole: "graft work", subject: (path: string) => `--${path}`, option: (path: string) => `--${path}` };
    expect(() => checked(schema, { network: "a", rate: 3 }, door)).toThrow(
      '--rate only applies with --how "well": add it, or leave --rate out.',
    );
    expect(() => checkedArgument(text("a path"), new Uint8Array(8), "openModel's first argument")).toThrow(
      "openModel's first argument takes a path, not a Uint8Array of 8 bytes.",
    );
  });

  it("that are false count as not given", () => {
    expect(said({ network: "a", isQuick: false })).toBe("");
    expect(said({ network: "a", isQuick: true })).toContain("isQuick only applies");
  });
});
