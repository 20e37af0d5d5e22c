import { describe, expect, test } from "vitest";
import { Refusal } from "../http/responses.ts";
import { refuseOthers, topOf } from "./prediction-routes.ts";

describe("settings in a query", () => {
  test("top: as said, or as graft predict has it", () => {
    expect([topOf({}), topOf({ top: ["1"] }), topOf({ top: ["42"] })]).toEqual([3, 1, 42]);
  });

  test.each([
    ["0", "The setting top takes a whole number from 1 to 999999, not 0."],
    ["-1", 'not "-1".'],
    ["1.5", 'not "1.5".'],
    ["1e3", 'not "1e3".'],
    ["", 'not "".'],
    ["9".repeat(400), "not Infinity."],
    [`\u001b[2J${"x".repeat(1e6)}`, "takes a whole number"],
  ])("top=%s is refused in a short sentence", (text, says) => {
    let error: unknown;
    try {
      topOf({ top: [text] });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(Refusal);
    const { status, message } = error as Refusal;
    expect(status).toBe(400);
    expect(message).toContain(says);
    expect(message.length).toBeLessThan(250);
    expect(message).not.toMatch(/\p{Cc}/u);
  });

  test("twice, or another one, is refused", () => {
    expect(() => topOf({ top: ["1", "2"] })).toThrow("more than once");
    expect(() => topOf({ tops: ["1"] })).toThrow('There is no setting "tops" here: there is top.');
    expect(() => refuseOthers({ [`\n${"x".repeat(1e6)}`]: [""] }, [])).toThrow(
      /^There is no setting "\\n.{1,200} here\.$/,
    );
  });
});
