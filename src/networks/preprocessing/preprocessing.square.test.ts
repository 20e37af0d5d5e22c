import { describe, expect, it } from "vitest";
import { squareOf } from "./preprocessing.ts";

describe("squareOf", () => {
  it("is the whole image if it is stretched, otherwise the square in its centre", () => {
    const image = { width: 300, height: 200 };
    expect(squareOf(image, { kind: "stretch" })).toEqual({ left: 0, top: 0, ...image });
    expect(squareOf(image, { kind: "crop", fraction: 1 })).toEqual({ left: 50, top: 0, width: 200, height: 200 });
    expect(squareOf(image, { kind: "crop", fraction: 0.5 })).toEqual({ left: 100, top: 50, width: 100, height: 100 });
  });
});
