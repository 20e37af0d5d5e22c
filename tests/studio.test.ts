/**
 * The studio as a person uses it, in a real browser: classes from photos, training, results, trying, exporting; reload and
 * `kill -9` in between. With the photos of ../shared where they are, else with generated images.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import axe, { type AxeResults } from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spawnStudio } from "../src/studio/testing.ts";
import { browserNote, chromiumPath } from "./support/chromium.ts";
import { graftPredict } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";
import { zipOf } from "./support/zip.ts";

const shared = fileURLToPath(new URL("../../shared", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "graft-studio-"));
const folder = join(work, "bees");
const cache = join(work, "cache");

interface Scene {
  /** Two classes with the folders of their images. */
  readonly classes: readonly [name: string, folder: string][];
  /** An image that is in no class. */
  readonly fresh: string;
  readonly network: string;
  readonly preprocessing: string;
}

/** Images of a class. */
const COUNT = 40;
/** Time limit for a training to make progress on a busy machine, in milliseconds; it only proves that nothing hangs. */
const LONG = 300_000;

async function sceneOf(): Promise<Scene> {
  const pollen = join(shared, "datasets/pollen");
  const photos = join(work, "photos");
  if (existsSync(pollen)) {
    const classes = readdirSync(join(pollen, "train"));
    for (const name of classes) {
      mkdirSync(join(photos, name), { recursive: true });
      for (const file of readdirSync(join(pollen, "train", name)).slice(0, COUNT))
        writeFileSync(join(photos, name, file), readFileSync(join(pollen, "train", name, file)));
    }
    const unseen = join(pollen, "test", classes[0]!);
    return {
      classes: classes.map((name) => [name, join(photos, name)]),
      fresh: join(unseen, readdirSync(unseen)[0]!),
      network: join(shared, "networks/mobilenet_v2_100_224.onnx"),
      preprocessing: "inception",
    };
  }
  await writeShapes(photos, { circle: COUNT, square: COUNT });
  await writeShapes(join(work, "fresh"), { square: 2 }, 9);
  writeFileSync(join(work, "tiny.onnx"), tinyNetwork());
  return {
    classes: ["circle", "square"].map((name) => [name, join(photos, name)]),
    fresh: join(work, "fresh/square/001.jpeg"),
    network: join(work, "tiny.onnx"),
    preprocessing: "imagenet",
  };
}

const readdirIfThere = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

/** An expectation that may take a while. */
const eventually = <T>(read: () => T): ReturnType<typeof expect.poll<T>> => expect.poll(read, { timeout: 30_000 });

const picturesNote = existsSync(shared) ? "" : " (with generated pictures: ../shared is not there)";

describe.skipIf(chromiumPath === undefined)(`the studio in Chromium${browserNote}${picturesNote}`, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let scene: Scene;
  let studio: Awaited<ReturnType<typeof spawnStudio>>;
  /** Requests of the page to other servers, and errors in the browser's console. */
  const outside: string[] = [];
  const complaints: string[] = [];

  const start = (): ReturnType<typeof spawnStudio> =>
    spawnStudio(folder, ["--network", scene.network, "--preprocessing", scene.preprocessing], { GRAFT_CACHE: cache });
  const open = async (): Promise<void> => {
    await page.goto(studio.link);
    await page.getByRole("navigation", { name: "Steps" }).waitFor();
  };
  const step = (name: "train" | "results"): Promise<void> => page.locator(`nav a[href="#/${name}"]`).click();
  const model = (): string => {
    const runs = readdirSync(join(folder, ".graft/runs")).sort();
    return join(folder, ".graft/runs", runs[0]!, "model.onnx");
  };

  beforeAll(async () => {
    scene = await sceneOf();
    studio = await start();
    browser = await chromium.launch({
      executablePath: chromiumPath!,
      args: [
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
      ],
    });
    context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    context.setDefaultTimeout(LONG);
    page = await context.newPage();
    page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol.startsWith("http") && hostname !== "127.0.0.1") outside.push(request.url());
    });
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
        complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    await studio?.end();
    expect(outside).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("classes are made, and filled from files and from a folder", async () => {
    await open();
    const [first, second] = scene.classes as [[string, string], [string, string]];
    await page.getByLabel("Name of a new class").fill(first[0]);
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: first[0], exact: true }).waitFor();
    const files = readdirSync(first[1]).map((file) => join(first[1], file));
    await page.getByLabel("Add images").setInputFiles(files);
    await page.getByText(`${COUNT} images added.`).waitFor();
    // The folder's name is the class.
    await page.getByLabel("Add a folder").setInputFiles(second[1]);
    await page.getByRole("link", { name: new RegExp(`^${second[0]}`) }).click();
    await page.getByRole("heading", { name: second[0], exact: true }).waitFor();
    await eventually(() => page.getByRole("option").count()).toBeGreaterThan(5);
    await eventually(() => readdirSync(join(folder, second[0])).length).toBe(COUNT);
    await page.getByRole("region", { name: "Upload" }).waitFor({ state: "detached" });
    for (const [name, from] of scene.classes) expect(readdirSync(join(folder, name))).toEqual(readdirSync(from));
    await expectAccessible("images");
  });

  test("images are selected with the keyboard, removed, and restored", async () => {
    const [name] = scene.classes[1]!;
    const list = page.getByRole("listbox");
    await list.focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page.getByText("3 images selected").waitFor();
    await page.keyboard.press("Delete");
    await page.getByText("3 images removed.").waitFor();
    await eventually(() => readdirSync(join(folder, name)).length).toBe(COUNT - 3);
    await page.getByRole("button", { name: /^Undo removing 3 images/ }).click();
    await eventually(() => readdirSync(join(folder, name)).length).toBe(COUNT);
  });

  test("a folder of folders is one class or several, as the user chooses; test/ stays separate", async () => {
    const [, from] = scene.classes[0]!;
    const image = readFileSync(join(from, readdirSync(from)[0]!));
    const other = readFileSync(join(from, readdirSync(from)[1]!));
    const lay = (root: string, files: Readonly<Record<string, Buffer>>): string => {
      for (const [path, bytes] of Object.entries(files)) {
        mkdirSync(dirname(join(work, root, path)), { recursive: true });
        writeFileSync(join(work, root, path), bytes);
      }
      return join(work, root);
    };
    const insects = lay("insects", { "indoor/1.jpg": image, "outdoor/2.jpg": other });
    await page.getByLabel("Add a folder").setInputFiles(insects);
    const question = page.getByRole("dialog", { name: "What is in “insects”?" });
    await question.waitFor();
    await expectAccessible("a question about a folder");
    await question.getByRole("button", { name: "One class, “insects”" }).click();
    await eventually(() => readdirIfThere(join(folder, "insects")).sort()).toEqual(["1.jpg", "2.jpg"]);
    expect(existsSync(join(folder, "indoor"))).toBe(false);

    const parts = lay("parts", { "train/insects/3.jpg": image, "test/insects/4.jpg": other });
    await page.getByLabel("Add a folder").setInputFiles(parts);
    await eventually(() => readdirIfThere(join(folder, "test/insects"))).toEqual(["4.jpg"]);
    await eventually(() => readdirIfThere(join(folder, "insects"))).toContain("3.jpg");
    await page.getByRole("link", { name: /^insects/ }).click();
    await page.getByRole("heading", { name: "insects", exact: true }).waitFor();
    await page.getByRole("button", { name: "Remove class" }).click();
    await eventually(() => existsSync(join(folder, "insects")) || existsSync(join(folder, "test/insects"))).toBe(false);
  });

  test("a zip becomes a class, the webcam another; both are removed again", async () => {
    const [, from] = scene.classes[0]!;
    const [file] = readdirSync(from);
    const zip = join(work, "more.zip");
    writeFileSync(zip, zipOf([{ name: "zipped/one.jpg", data: readFileSync(join(from, file!)) }]));
    await page.getByLabel("Add images").setInputFiles(zip);
    await page.getByRole("link", { name: "zipped" }).click();
    await page.getByRole("heading", { name: "zipped" }).waitFor();
    await page.getByRole("button", { name: "Webcam" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Take photo" }).click();
    await dialog.getByText("1 photo taken").waitFor();
    await page.keyboard.press("Escape");
    await eventually(() => readdirSync(join(folder, "zipped")).length).toBe(2);
    await page.getByRole("button", { name: "Remove class" }).click();
    await eventually(() => existsSync(join(folder, "zipped"))).toBe(false);
  });

  test("a head is trained, and its accuracy shown as the command line has it", async () => {
    await step("train");
    await page.getByRole("radio", { name: new RegExp(scene.network.split("/").at(-1)!) }).waitFor();
    await expectAccessible("train");
    await page.getByRole("button", { name: /^Train on/ }).click();
    await page.getByRole("link", { name: "See its results" }).click({ timeout: LONG });
    await page.getByTestId("accuracy").waitFor();
    const { accuracy } = JSON.parse(readFileSync(join(model(), "../metrics.json"), "utf8")) as {
      accuracy: { test: number };
    };
    const shown = Number((await page.getByTestId("accuracy").textContent())!.replace(/[^\d.]/g, ""));
    expect(shown).toBeCloseTo(100 * accuracy.test, 0);
    await page.getByRole("region", { name: "Confusion matrix" }).waitFor();
    await expectAccessible("results");
  });

  test("a cell of the confusion matrix opens its images, and an image shows its prediction", async () => {
    const cells = page.getByRole("region", { name: "Confusion matrix" }).getByRole("button");
    const labels = await cells.evaluateAll((buttons) => buttons.map((button) => button.ariaLabel ?? ""));
    const isMistake = (label: string): boolean => new Set(/^(.*) predicted as (.*): /.exec(label)!.slice(1)).size === 2;
    const wanted = Math.max(0, labels.findIndex(isMistake));
    await cells.nth(wanted).click();
    const behind = Number(labels[wanted]!.split(": ")[1]);
    await eventually(() => page.locator(".predictions").first().locator("img").count()).toBe(Math.min(behind, 24));
    await page.locator(".predictions .image").first().click();
    await page
      .getByRole("dialog")
      .getByText(/^Prediction: .* Label: /)
      .waitFor();
    await expectAccessible("an image");
    await page.keyboard.press("Escape");
  });

  test("a new image gets the same prediction as on the command line", async () => {
    await page.getByRole("link", { name: "Try it", exact: true }).last().click();
    await page.getByLabel("Choose images").setInputFiles(scene.fresh);
    const [answer] = await graftPredict<{ label: string; probability: number }>([model(), scene.fresh], cache);
    expect(await firstProbability(page)).toBeCloseTo(answer!.probability, 6);
    expect(await page.getByTestId("answer").textContent()).toContain(answer!.label);
    await expectAccessible("try");
  });

  test("the exported page, opened from the disk without a connection, gives it too", async () => {
    await step("results");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: /^Stand-alone page/ }).click(),
    ]);
    const file = join(work, "page.html");
    await download.saveAs(file);
    const offline = await browser.newContext({ offline: true });
    const asked: string[] = [];
    const errors: string[] = [];
    const alone = await offline.newPage();
    alone.on("request", (request) => asked.push(request.url()));
    alone.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await alone.goto(pathToFileURL(file).href);
    await alone.getByLabel("Choose an image").setInputFiles(scene.fresh);
    const [answer] = await graftPredict<{ label: string; probability: number }>([model(), scene.fresh], cache);
    expect(Math.abs((await firstProbability(alone)) - answer!.probability)).toBeLessThan(5e-3);
    expect(await alone.getByTestId("answer").textContent()).toContain(answer!.label);
    await expectAccessible("the exported page", alone);
    expect(asked.filter((url) => !url.startsWith("blob:"))).toEqual([pathToFileURL(file).href]);
    expect(errors).toEqual([]);
    await offline.close();
  });

  test("a training is found running after a reload, and after kill -9 of the studio; it can be stopped and resumed", {
    timeout: 3 * LONG,
  }, async () => {
    await step("train");
    await page.getByRole("radio", { name: /Last stage too/ }).check();
    await page.getByText("More options").click();
    await page.getByLabel(/Maximum epochs/).fill("5000");
    await page.getByRole("button", { name: /^Train on/ }).click();
    const running = page.getByRole("heading", { name: /^Training: .*last stage/ });
    await running.waitFor();
    await page.getByText(/Fine-tuning.*, epoch/).waitFor({ timeout: LONG });
    await page.reload();
    await running.waitFor();
    await page.getByText(/Fine-tuning.*, epoch/).waitFor();
    await studio.kill();
    await page.getByText("The studio does not respond").waitFor();
    studio = await start();
    await open();
    await step("train");
    await running.waitFor();
    await expectAccessible("a training");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("heading", { name: /^Stopped: / }).waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText(/Fine-tuning.*, epoch/).waitFor({ timeout: LONG });
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Discard" }).click();
    await running.waitFor({ state: "detached" });
    await eventually(() => readdirSync(join(folder, ".graft/runs")).length).toBe(1);
  });

  test("every page fits a phone, in the dark too", async () => {
    const phone = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
    const small = await phone.newPage();
    await small.goto(studio.link);
    for (const hash of ["#/pictures", "#/train", "#/results", "#/try", "#/compare/a,b"]) {
      await small.goto(new URL(hash, studio.url).href);
      await small.getByRole("heading").first().waitFor();
      await expectAccessible(`${hash} on a phone`, small);
      const widths = await small.evaluate<[number, number]>("[document.documentElement.scrollWidth, innerWidth]");
      expect(widths[0], hash).toBeLessThanOrEqual(widths[1]);
    }
    await phone.close();
  });

  /** The probability that the page shows first, in full precision. */
  async function firstProbability(of: Page): Promise<number> {
    const cell = of.locator("[data-probability]").first();
    await cell.waitFor({ timeout: LONG });
    return Number(await cell.getAttribute("data-probability"));
  }

  /** No violation of WCAG 2.2 A and AA that axe calls serious or critical. */
  async function expectAccessible(where: string, of: Page = page): Promise<void> {
    await of.evaluate(axe.source);
    const found = await of.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
    const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const words = serious.map(
      ({ id, nodes }) => `${where}: ${id} at ${nodes.map(({ target }) => target.join(" ")).join(", ")}`,
    );
    expect(words).toEqual([]);
  }
});
