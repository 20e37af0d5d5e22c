/**
 * Bench `browser`: a trained model in a real Chromium against Node: how far its answers to 200 photos are apart, and how fast
 * both answer and train.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { decodeImage, openArtifact, openNetwork } from "../src/index.ts";
import { call } from "../tests/browser/call.ts";
import { type StepsJob, takeSteps } from "../tests/browser/steps.ts";
import { browserNote, launchChromium } from "../tests/support/chromium.ts";
import { bundlePage, isolation, type Site, serveSite } from "../tests/support/site.ts";
import { trainModel } from "../tests/support/small-model.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { ROOT, shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const NETWORK = shared("networks", "mobilenet_v2_100_224.onnx");
/** Steps that are timed, after as many as warm up. */
const [WARM, TIMED] = [3, 60];

/** Photos of each class of a folder of class folders. */
const photosIn = (folder: string, each: number): { path: string; label: string }[] =>
  readdirSync(folder).flatMap((label) =>
    readdirSync(join(folder, label))
      .slice(0, each)
      .map((name) => ({ path: join(folder, label, name), label })),
  );

/** Measures and prints. */
export async function benchBrowser(given: readonly string[]): Promise<void> {
  const { data } = readFlags(given, { data: "flowers" });
  if (browserNote !== "") {
    console.log(`browser${browserNote}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "graft-bench-"));
  const browser = await launchChromium();
  const site = await serveSite(await bundlePage(join(ROOT, "tests/browser/page")), { headers: isolation });
  try {
    console.log(`browser: Chromium ${browser.version()}, MobileNetV2 1.0 at 224 px, dataset ${data}`);
    console.log(machine());
    await compareAnswers(data, folder, browser, site);
    await compareSteps(data, browser, site);
  } finally {
    await browser.close();
    await site.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function pageOf(browser: Browser, site: Site): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(600_000);
  await page.goto(site.origin);
  return page;
}

async function compareAnswers(data: string, folder: string, browser: Browser, site: Site): Promise<void> {
  const rows = photosIn(shared("datasets", data, "train"), 20);
  writeFileSync(
    join(folder, "train.csv"),
    `path,label\n${rows.map(({ path, label }) => `${path},${label}\n`).join("")}`,
  );
  const model = await trainModel(NETWORK, join(folder, "train.csv"), join(folder, "model.onnx"));
  const all = photosIn(shared("datasets", data, "test"), 1000);
  const photos = all.filter((_, i) => Math.floor((i * 200) / all.length) !== Math.floor(((i - 1) * 200) / all.length));
  site.put("/model.onnx", model);
  const addresses = photos.map(({ path }, i) => {
    site.put(`/${i}.jpg`, path);
    return `/${i}.jpg`;
  });

  const artifact = await openArtifact(model);
  const wanted: Float32Array[] = [];
  const nodeSeconds = await secondsOf(async () => {
    for (const { path } of photos) wanted.push((await artifact.predict(await decodeImage(path))).probabilities);
  });
  await artifact.close();

  const table = [["where", "threads", "photos/s", "largest difference of a probability", "same first class"]];
  const perSecond = (seconds: number): string => (photos.length / seconds).toFixed(1);
  table.push(["Node", "all", perSecond(nodeSeconds), "–", "–"]);
  for (const threads of [1, 2]) {
    const page = await pageOf(browser, site);
    await call(page, "open", "/model.onnx", { device: "wasm", threads });
    let answers: readonly { readonly probabilities: readonly number[] }[] = [];
    const seconds = await secondsOf(async () => {
      answers = await call(page, "predict", addresses);
    });
    const differences = answers.flatMap(({ probabilities }, i) =>
      probabilities.map((value, c) => Math.abs(value - wanted[i]![c]!)),
    );
    const same = answers.filter(({ probabilities }, i) => best(probabilities) === best([...wanted[i]!])).length;
    const largest = Math.max(...differences).toExponential(1);
    table.push(["page, wasm", `${threads}`, perSecond(seconds), largest, `${same} of ${photos.length}`]);
    await page.close();
  }
  printTable(`${photos.length} photos (JPEG), decoding included`, table);
}

async function compareSteps(data: string, browser: Browser, site: Site): Promise<void> {
  const photos = photosIn(shared("datasets", data, "train"), 8);
  const classes = [...new Set(photos.map(({ label }) => label))];
  const addresses = photos.map(({ path }, i) => {
    site.put(`/step/${i}.jpg`, path);
    return `/step/${i}.jpg`;
  });
  site.put("/network.onnx", NETWORK);
  const job = (steps: number): StepsJob => ({
    labels: photos.map(({ label }) => classes.indexOf(label)),
    steps,
    batch: 16,
    learningRate: 5e-4,
    stored: "float16",
  });
  const timed = async (run: (steps: number) => Promise<unknown>): Promise<string> => {
    const few = await secondsOf(() => run(WARM));
    const many = await secondsOf(() => run(WARM + TIMED));
    return ((16 * TIMED) / (many - few)).toFixed(1);
  };
  const network = await openNetwork(NETWORK, { preprocessing: "inception" });
  const pictures = photos.map(
    ({ path }) =>
      () =>
        decodeImage(path),
  );
  const table = [["where", "threads", "images/s"]];
  table.push(["Node", "all", await timed((steps) => takeSteps(network, pictures, job(steps)))]);
  for (const threads of [1, 2]) {
    const page = await pageOf(browser, site);
    const engine = { device: "wasm", threads } as const;
    const rate = await timed((steps) => call(page, "steps", "/network.onnx", addresses, job(steps), engine));
    table.push(["page, wasm", `${threads}`, rate]);
    await page.close();
  }
  printTable("Training steps of the last stage and the head, batch 16, what is frozen computed beforehand", table);
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const best = (values: readonly number[]): number => values.indexOf(Math.max(...values));
