/** Images from bodies: everything that was sent, without needless copies. What is refused: tests/serve-abuse.test.ts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imagesOfForm, imagesOfJson } from "./sent-images.ts";

const refusal = (status: number) => expect.objectContaining({ name: "Refusal", status });

describe("JSON", () => {
  const bodyOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const images = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });

  it("gives every image, whatever it consists of, however it is written", () => {
    const prefix = fc.constantFrom("", "data:image/jpeg;base64,", "data:;base64,");
    fc.assert(
      fc.property(images, prefix, fc.boolean(), (given, before, isEscaped) => {
        const texts = given.map((bytes) => before + Buffer.from(bytes).toString("base64"));
        const json = JSON.stringify({ images: texts });
        const body = Buffer.from(isEscaped ? json.replaceAll("/", "\\/") : json);
        expect(imagesOfJson(body, 5).map(({ bytes }) => [...bytes])).toEqual(given.map((bytes) => [...bytes]));
      }),
    );
  });

  it("decodes in the body's own memory", () => {
    const bytes = Buffer.alloc(1e6, "image");
    const body = bodyOf({ image: bytes.toString("base64") });
    const [image] = imagesOfJson(body, 1);
    expect(image!.bytes.buffer).toBe(body.buffer);
    expect(Buffer.compare(image!.bytes, bytes)).toBe(0);
  });

  it("refuses what is not base64, wherever that is", () => {
    const text = Buffer.alloc(3e5, "image").toString("base64");
    for (const at of [0, 1, 65_535, 65_536, text.length - 1])
      for (const wrong of ["!", "é", " ", "\n", '"', "="]) {
        const broken = text.slice(0, at) + wrong + text.slice(at + 1);
        if (wrong === "=" && at === text.length - 1) continue;
        expect(() => imagesOfJson(bodyOf({ image: broken }), 1), `${wrong} at ${at}`).toThrow(refusal(400));
      }
    for (const short of ["A", "AA", "AAA", "A===", "====", "AA=A", "?", "\u0000"])
      expect(() => imagesOfJson(bodyOf({ image: short }), 1), short).toThrow(refusal(400));
    for (const value of [1, null, [], { image: 1 }, { image: "AAAA", more: 1 }, { images: {} }, { other: "AAAA" }])
      expect(() => imagesOfJson(bodyOf(value), 1)).toThrow(refusal(400));
  });

  it("counts images", () => {
    expect(imagesOfJson(bodyOf({ images: Array(5).fill("AAAA") }), 5)).toHaveLength(5);
    expect(() => imagesOfJson(bodyOf({ images: Array(6).fill("AAAA") }), 5)).toThrow(refusal(413));
    expect(() => imagesOfJson(bodyOf({ images: Array(6000).fill("AAAA") }), 5)).toThrow(refusal(413));
  });
});

describe("a form", () => {
  const boundary = "x-boundary";
  const form = (parts: readonly (readonly [headers: string, data: Uint8Array | string])[]): Buffer =>
    Buffer.concat([
      ...parts.flatMap(([headers, data]) => [
        Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; ${headers}\r\n\r\n`),
        Buffer.from(data),
        Buffer.from("\r\n"),
      ]),
      Buffer.from(`--${boundary}--\r\n`),
    ]);
  const read = (body: Buffer, most = 64) => imagesOfForm(body, `multipart/form-data; boundary=${boundary}`, most);
  const file = 'name="a"; filename="a.jpg"';

  it("gives every file, whatever it consists of", async () => {
    // Pieces that look like the start of a boundary, where the body is cut.
    const piece = fc.constantFrom("\r\n", "\r\n--", "\r\n--x-bound", "-", "a".repeat(4000), "\r", "\n\n");
    const data = fc.array(piece, { minLength: 1, maxLength: 30 }).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(fc.array(data, { minLength: 1, maxLength: 4 }), async (files) => {
        const images = await read(form(files.map((text) => [file, text])));
        expect(images.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(files);
      }),
    );
  });

  it("does not copy an image", async () => {
    const body = form([[file, Buffer.alloc(1e6, "image")]]);
    const [image] = await read(body);
    expect([image!.name, image!.bytes.length]).toEqual(["a.jpg", 1e6]);
    expect(image!.bytes.buffer).toBe(body.buffer);
  });

  it("refuses too many parts, fields, long names, no end", async () => {
    const files = (count: number) => Array.from({ length: count }, () => [file, "x"] as const);
    expect(await read(form(files(3)), 3)).toHaveLength(3);
    await expect(read(form(files(4)), 3)).rejects.toEqual(refusal(413));
    await expect(read(form(files(100_000)), 3)).rejects.toEqual(refusal(413));
    await expect(read(Buffer.from(`--${boundary}\r\n`.repeat(1e6)), 3)).rejects.toEqual(refusal(413));
    await expect(read(form([['name="top"', "1"]]))).rejects.toEqual(refusal(400));
    await expect(read(form([[`name="a"; filename="${"a".repeat(300)}"`, "x"]]))).rejects.toEqual(refusal(400));
    await expect(read(form(files(1)).subarray(0, -30))).rejects.toEqual(refusal(400));
    await expect(read(Buffer.alloc(1e6, "x"))).rejects.toEqual(refusal(400));
  });
});
