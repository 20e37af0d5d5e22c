import { describe, expect, it } from "vitest";
import { squareOf } from "./preprocessing.ts";

describe("squareOf", () => {
  it("is the whole image where it is stretched, else the square in its centre", () => {
    const picture = { width: 300, height: 200 };
    expect(squareOf(picture, { kind: "stretch" })).toEqual({ left: 0, top: 0, ...picture });
    expect(squareOf(picture, { kind: "crop", fraction: 1 })).toEqual({ left: 50, top: 0, width: 200, height: 200 });
    expect(squareOf(picture, { kind: "crop", fraction: 0.5 })).toEqual({ left: 100, top: 50, width: 100, height: 100 });
  });
});
