/** `graft-ml/web` in a real browser: the same predictions as in Node, for every kind of image, without other servers. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage, openArtifact } from "../../src/index.ts";
import { encodeBmp } from "../support/bmp.ts";
import { pngOfSize } from "../support/bomb.ts";
import { browserNote, launchChromium } from "../support/chromium.ts";
import { temporaryFolder } from "../support/cli.ts";
import { drawShape, encode, type Pixels, shapeNames } from "../support/pictures.ts";
import { bundlePage, isolation, type Site, type SiteOptions, serveSite } from "../support/site.ts";
import { trainModel, trainSmallModel } from "../support/small-model.ts";
import { call, outcomeOf } from "./call.ts";
import type { EngineOptions, Given } from "./contract.ts";

const shared = fileURLToPath(new URL("../../../shared/", import.meta.url));
const mobilenet = join(shared, "networks/mobilenet_v2_100_224.onnx");
const flowers = join(shared, "datasets/flowers");
const present = existsSync(mobilenet) && existsSync(flowers);

const dist = fileURLToPath(new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url));

/** How far two lists of numbers are apart, at most. */
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - b[i]!)),
    a.length === b.length ? 0 : Infinity,
  );

/** Node's predictions for files. */
async function answersOfNode(model: string, files: readonly (string | Uint8Array)[]): Promise<Float32Array[]> {
  const artifact = await openArtifact(model);
  const answers: Float32Array[] = [];
  for (const file of files) answers.push((await artifact.predict(await decodeImage(file))).probabilities);
  await artifact.close();
  return answers;
}

const best = (probabilities: ArrayLike<number>): number =>
  Array.from(probabilities).indexOf(Math.max(...Array.from(probabilities)));

describe.skipIf(browserNote !== "")(`a trained model in a page${browserNote}`, () => {
  const work = temporaryFolder();
  process.env.GRAFT_CACHE = join(work, "cache");
  let browser: Browser;
  let folder: string;
  let model: string;
  const sites: Site[] = [];

  beforeAll(async () => {
    [browser, folder, model] = await Promise.all([
      launchChromium(),
      bundlePage(fileURLToPath(new URL("page", import.meta.url))),
      trainSmallModel(join(work, "small")),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    for (const site of sites) await site.close();
  });

  /** A page of a site of its own. */
  async function visit(options: SiteOptions = {}, prepare?: (page: Page) => Promise<unknown>, by = browser) {
    const site = await serveSite(folder, options);
    sites.push(site);
    site.put("/model.onnx", model);
    const page = await by.newPage();
    page.setDefaultTimeout(120_000);
    const elsewhere: string[] = [];
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== site.origin)
        elsewhere.push(request.url());
    });
    await prepare?.(page);
    await page.goto(site.origin);
    return { site, page, elsewhere };
  }

  test("every kind of image gets Node's prediction, and the page requests only its own files", async () => {
    const { site, page, elsewhere } = await visit();
    const { classes, engine } = await call(page, "open", "/model.onnx");
    expect(classes).toEqual(["circle", "square", "triangle"]);
    expect(engine).toMatchObject({ device: "wasm", threads: 1 });
    expect(engine.why).toMatch(/^WebAssembly: this browser offers no WebGPU adapter$/);
    expect(engine.whyThreads).toMatch(/not cross-origin isolated/);
    const drawn = (i: number): Pixels => drawShape(shapeNames[i % shapeNames.length]!, 61, 40 + i, i);
    const formats = ["png", "jpeg", "webp", "gif"] as const;
    const { data: rgb, ...size } = drawn(formats.length);
    const files: Uint8Array[] = await Promise.all(formats.map((format, i) => encode(drawn(i), format)));
    files.push(encodeBmp({ ...size, bits: 24, rgb }));
    files.forEach((file, i) => {
      site.put(`/${i}`, file);
    });
    const wanted = await answersOfNode(model, files);
    const givens: Given[] = ["blob", "img", "bitmap", "canvas", "offscreen", "video-frame", "image-data"];
    for (const given of givens) {
      const addresses = files.map((_, i) => `/${i}`);
      const answers = await call(page, "predict", addresses, given);
      answers.forEach(({ probabilities, label, probability, top }, i) => {
        expect(apart(probabilities, wanted[i]!), `${given} ${i}`).toBeLessThan(1e-4);
        expect([label, probability]).toEqual([top[0]!.label, top[0]!.probability]);
        expect(label).toBe(classes[best(wanted[i]!)]);
        expect(top).toHaveLength(3);
      });
    }
    expect(elsewhere).toEqual([]);
    expect(site.requests.filter((address) => address.endsWith(".wasm"))).toHaveLength(1);
    await page.close();
  });

  test("in a worker too, and of several images at once", async () => {
    const { site, page } = await visit();
    const files = await Promise.all(shapeNames.map((shape, i) => encode(drawShape(shape, 50, 50, 7 + i), "png")));
    files.forEach((file, i) => {
      site.put(`/${i}`, file);
    });
    const wanted = await answersOfNode(model, files);
    await call(page, "open", "/model.onnx");
    for (const answers of [
      await call(page, "predictAtOnce", ["/0", "/1", "/2"]),
      await call(page, "predictInWorker", "/model.onnx", ["/0", "/1", "/2"]),
    ])
      answers.forEach(({ probabilities }, i) => {
        expect(apart(probabilities, wanted[i]!)).toBeLessThan(1e-4);
      });
    await page.close();
  });

  test("a page that is cross-origin isolated has threads, and its own folder for the engine's file", async () => {
    const { site, page } = await visit({ headers: isolation });
    site.put("/ort/ort-wasm-simd-threaded.wasm", join(dist, "ort-wasm-simd-threaded.wasm"));
    const { engine } = await call(page, "open", "/model.onnx", { wasm: "ort", threads: 2 });
    expect(engine).toMatchObject({ device: "wasm", threads: 2, whyThreads: "as asked for" });
    expect(site.requests).toContain("/ort/ort-wasm-simd-threaded.wasm");
    const file = await encode(drawShape("square", 300, 200, 3), "png");
    site.put("/0", file);
    const [answer] = await call(page, "predict", ["/0"]);
    expect(apart(answer!.probabilities, (await answersOfNode(model, [file]))[0]!)).toBeLessThan(1e-4);
    await page.close();
  });

  test("WebGPU gives the same answers", async () => {
    const withGpu = await launchChromium("software");
    try {
      const { site, page } = await visit({}, undefined, withGpu);
      const { engine } = await call(page, "open", "/model.onnx", { device: "webgpu" });
      expect(engine).toMatchObject({ device: "webgpu" });
      expect(engine.why).toMatch(/software adapter/);
      const files = await Promise.all(shapeNames.map((shape, i) => encode(drawShape(shape, 50, 50, 7 + i), "png")));
      files.forEach((file, i) => {
        site.put(`/${i}`, file);
      });
      const wanted = await answersOfNode(model, files);
      for (const answers of [
        await call(page, "predict", ["/0", "/1", "/2"]),
        await call(page, "predictAtOnce", ["/0", "/1", "/2"]),
      ])
        answers.forEach(({ probabilities }, i) => {
          expect(apart(probabilities, wanted[i]!)).toBeLessThan(1e-3);
        });
      const second = await visit({}, undefined, withGpu);
      const chosen = await call(second.page, "open", "/model.onnx");
      expect(chosen.engine).toMatchObject({ device: "wasm" });
      expect(chosen.engine.why).toMatch(/only a software adapter/);
    } finally {
      await withGpu.close();
    }
  });

  describe("pixels", () => {
    test.each([1, 3, 6, 8])("stand upright for EXIF orientation %d, as in Node", async (orientation) => {
      const { site, page } = await visit();
      const { data, width, height } = drawShape("triangle", 48, 31, 5);
      const file = await sharp(data, { raw: { width, height, channels: 3 } })
        .withMetadata({ orientation })
        .jpeg()
        .toBuffer();
      site.put("/turned.jpg", file);
      const node = await decodeImage(file);
      for (const given of ["blob", "img", "bitmap"] as const) {
        const own = await call(page, "pixels", "/turned.jpg", given);
        expect([own.width, own.height]).toEqual([node.width, node.height]);
        expect(apart(Buffer.from(own.data, "base64"), node.data)).toBeLessThanOrEqual(2);
      }
      await page.close();
    });

    test("lie over white where they are transparent, to a level", async () => {
      const { site, page } = await visit();
      const rgba = Uint8Array.from({ length: 40 * 30 * 4 }, (_, i) => (i * 7919 + (i >> 3) * 31) % 256);
      const file = await sharp(rgba, { raw: { width: 40, height: 30, channels: 4 } })
        .png()
        .toBuffer();
      site.put("/glass.png", file);
      const node = await decodeImage(file);
      for (const given of ["blob", "image-data"] as const) {
        const own = await call(page, "pixels", "/glass.png", given);
        expect(apart(Buffer.from(own.data, "base64"), node.data)).toBeLessThanOrEqual(1);
      }
      await page.close();
    });

    test("of an image larger than a tile are all there", async () => {
      const { site, page } = await visit();
      const { data, width, height } = drawShape("circle", 2100, 2070, 1);
      const file = await sharp(data, { raw: { width, height, channels: 3 } })
        .png({ compressionLevel: 1 })
        .toBuffer();
      site.put("/large.png", file);
      const own = await call(page, "pixels", "/large.png");
      expect([own.width, own.height]).toEqual([width, height]);
      expect(Buffer.compare(Buffer.from(own.data, "base64"), data)).toBe(0);
      await page.close();
    });

    test.each([
      [
        "a text",
        new TextEncoder().encode("no picture"),
        "blob",
        /a format that this browser does not support: save it as/,
      ],
      [
        "an image element of a text",
        new TextEncoder().encode("no"),
        "img",
        /the source of the image element, http.*, did not load/,
      ],
      ["a picture of 900 megapixels", pngOfSize(30_000, 30_000), "blob", /megapixels|does not support/],
      ["a picture like a thread", pngOfSize(30_000, 20), "blob", /more than 200 times the other, crop it first/],
    ] as const)("of %s are refused in a sentence", async (_, file, given, sentence) => {
      const { site, page } = await visit();
      site.put("/odd", file);
      const outcome = await outcomeOf(page, "pixels", "/odd", given);
      expect(outcome).toMatchObject({ kind: "refusal", error: { name: "GraftError" } });
      expect(outcome.kind === "refusal" && outcome.error.message).toMatch(sentence);
      await page.close();
    });

    test("of another site's image are refused with the remedy", async () => {
      const { page } = await visit();
      const { site: other } = await visit();
      other.put("/theirs.png", await encode(drawShape("circle", 20, 20, 1), "png"));
      const outcome = await outcomeOf(page, "pixels", `${other.origin}/theirs.png`, "img");
      expect(outcome.kind === "refusal" && outcome.error.message).toMatch(/another site.*crossorigin="anonymous"/);
      await page.close();
    });
  });

  describe("what is missing is named in a sentence", () => {
    const refusalOf = async (page: Page, address: string, options?: EngineOptions): Promise<string> => {
      const outcome = await outcomeOf(page, "open", address, options);
      expect(outcome).toMatchObject({ kind: "refusal", error: { name: "GraftError" } });
      return outcome.kind === "refusal" ? outcome.error.message : "";
    };

    test("the model's file, or what it should be", async () => {
      const { site, page } = await visit();
      site.put("/index2.onnx", new TextEncoder().encode("<!doctype html><title>Not found</title>"));
      site.put("/plain.onnx", join(work, "small/tiny.onnx"));
      expect(await refusalOf(page, "/nothing.onnx")).toMatch(
        /^There is no file at \/nothing\.onnx \(the server answered 404\): check the address\.$/,
      );
      expect(await refusalOf(page, "/index2.onnx")).toMatch(/^\/index2\.onnx is not an ONNX model/);
      expect(await refusalOf(page, "/plain.onnx")).toMatch(/not one that Graft trained/);
      expect(await refusalOf(page, "http://127.0.0.1:9/model.onnx")).toMatch(/^Could not fetch .* check the address/);
      await page.close();
    });

    test("the engine's file", async () => {
      const { page } = await visit();
      expect(await refusalOf(page, "/model.onnx", { wasm: "/nowhere/" })).toMatch(
        /ort-wasm-simd-threaded\.wasm could not be loaded from http.*\/nowhere\/ort-wasm.*: copy it from node_modules/,
      );
      await page.close();
    });

    test("WebAssembly, WebGPU, and what forbids them", async () => {
      const without = await visit({}, (page) => page.addInitScript("delete globalThis.WebAssembly"));
      expect(await refusalOf(without.page, "/model.onnx")).toMatch(/no WebAssembly/);
      const policy = { "content-security-policy": "script-src 'self'" };
      const strict = await visit({ headers: policy });
      expect(await refusalOf(strict.page, "/model.onnx")).toMatch(/Content-Security-Policy.*'wasm-unsafe-eval'/);
      const { page } = await visit();
      expect(await refusalOf(page, "/model.onnx", { device: "webgpu" })).toMatch(/no WebGPU adapter/);
      expect((await call(page, "open", "/model.onnx", { threads: 3 })).engine.whyThreads).toMatch(/3 were asked for/);
      expect(await refusalOf(page, "/model.onnx", { threads: 2 })).toMatch(/started with other options/);
    });
  });

  describe.skipIf(!present)(
    present ? "a real network, MobileNetV2 on flowers" : "a real network (skipped: ../shared is absent)",
    () => {
      test("gives Node's probabilities and the same first class for 200 photos", async () => {
        const classes = readdirSync(join(flowers, "train"));
        const rows = classes.flatMap((label) =>
          readdirSync(join(flowers, "train", label))
            .slice(0, 8)
            .map((file) => `${join(flowers, "train", label, file)},${label}`),
        );
        writeFileSync(join(work, "flowers.csv"), `path,label\n${rows.join("\n")}\n`);
        const real = await trainModel(mobilenet, join(work, "flowers.csv"), join(work, "flowers.onnx"));
        const photos = classes.flatMap((label) =>
          readdirSync(join(flowers, "test", label))
            .slice(0, 40)
            .map((file) => join(flowers, "test", label, file)),
        );
        expect(photos).toHaveLength(200);
        const { site, page } = await visit({ headers: isolation });
        site.put("/flowers.onnx", real);
        photos.forEach((photo, i) => {
          site.put(`/${i}.jpg`, photo);
        });
        await call(page, "open", "/flowers.onnx");
        const answers = await call(
          page,
          "predict",
          photos.map((_, i) => `/${i}.jpg`),
        );
        const wanted = await answersOfNode(real, photos);
        const distances = answers.map(({ probabilities }, i) => apart(probabilities, wanted[i]!));
        expect(Math.max(...distances)).toBeLessThan(1e-3);
        expect(answers.map(({ probabilities }) => best(probabilities))).toEqual(wanted.map(best));
        await page.close();
      });
    },
  );
});
