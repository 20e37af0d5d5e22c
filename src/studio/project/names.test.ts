import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { className, fileName, freeName, idParts } from "./names.ts";

describe("className", () => {
  it("takes what can be a folder, trimmed and composed", () => {
    expect([" tulip ", "Löwe", "a b", "花", "v1.2", "🐝"].map(className)).toEqual([
      "tulip",
      "Löwe",
      "a b",
      "花",
      "v1.2",
      "🐝",
    ]);
  });

  it.each([
    "",
    "  ",
    ".",
    "..",
    ".hidden",
    "a/b",
    "..\\b",
    "a\0b",
    "con",
    "NUL.txt",
    "x.",
    "a\u202eb",
    "x".repeat(121),
  ])("refuses %j", (name) => {
    expect(() => className(name)).toThrow(/class/);
  });
});

describe("idParts", () => {
  it("takes paths below a class", () => {
    expect(idParts("tulip/2024/a.jpg")).toEqual(["tulip", "2024", "a.jpg"]);
  });

  it.each([
    "a.jpg",
    "../a.jpg",
    "tulip/../../a.jpg",
    "/etc/passwd",
    "tulip//a",
    ".graft/token",
    "tulip/..\\a",
    "t/a\0",
  ])("refuses %j", (id) => {
    expect(() => idParts(id)).toThrow("has no image");
  });
});

describe("fileName", () => {
  it("keeps what will do", () => {
    expect(
      ["a.jpg", "C:\\photos\\b c.JPG", "x/../../y.png", "noending", ".htaccess", "..", "con.png", "a?b.webp"].map(
        (name) => fileName(name, "jpeg"),
      ),
    ).toEqual([
      "a.jpg",
      "b c.JPG",
      "y.png",
      "noending.jpeg",
      "htaccess.jpeg",
      "picture.jpeg",
      "picture-con.png",
      "a_b.webp",
    ]);
  });

  it("makes of any text at all a name that is one part of a path and not hidden", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        const name = fileName(text, "png");
        expect(idParts(`class/${name}`)).toEqual(["class", name]);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
      }),
    );
  });
});

describe("freeName", () => {
  it("counts up before the ending", () => {
    const taken = new Set(["a.b.jpg", "a.b-2.jpg", "c"]);
    expect(["a.b.jpg", "c", "d"].map((name) => freeName(name, (other) => taken.has(other)))).toEqual([
      "a.b-3.jpg",
      "c-2",
      "d",
    ]);
  });
});
