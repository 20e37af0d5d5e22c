import { describe, expect, it } from "vitest";
import { big, count, date, duration, listed, percent, percentRange, plural, rate, shorten } from "./html.ts";

describe("format", () => {
  it("never rounds to all or to nothing", () => {
    expect([0, 0.0001, 0.0005, 0.12345, 0.9994, 0.9995, 1, null].map(percent)).toEqual([
      "0%",
      "<0.1%",
      "0.1%",
      "12.3%",
      "99.9%",
      ">99.9%",
      "100%",
      "—",
    ]);
    expect(percentRange([0.884, 0.936])).toBe("88.4–93.6%");
  });

  it("tells time in the unit that fits, carrying over", () => {
    expect([0, 0.42, 12.34, 59.96, 192, 3599.7, 3900].map(duration)).toEqual([
      "0.00 s",
      "0.42 s",
      "12.3 s",
      "1 min 00 s",
      "3 min 12 s",
      "1 h 00 min",
      "1 h 05 min",
    ]);
  });

  it("counts", () => {
    expect([count(23508032), big(23508032), big(81512), plural(1, "file"), plural(2, "class", "classes")]).toEqual([
      "23,508,032",
      "23.5 million",
      "81,512",
      "1 file",
      "2 classes",
    ]);
    expect([rate(38.24), rate(1276.4)]).toEqual(["38.2", "1,276"]);
  });

  it("dates in UTC", () => {
    expect(date("2025-11-24T23:30:00-02:00")).toBe("25 November 2025, 01:30 UTC");
    expect(() => date("soon")).toThrow(/ISO 8601/);
  });

  it("shortens by characters, not by half of one", () => {
    expect([shorten("🐝🐝🐝🐝", 3), shorten("bee", 3)]).toEqual(["🐝🐝…", "bee"]);
    expect([listed([]), listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c"], 2)]).toEqual([
      "",
      "a",
      "a, b and c",
      "a, b and 1 more",
    ]);
  });
});
