/**
 * Retakes the screenshots in docs/studio: a project with the demo's images, a comparison of networks, two trainings, and each
 * page. Needs Chromium, the images of `npm run demo`, and some minutes:
 *
 *     npx tsx scripts/screenshots.ts
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnStudio } from "../src/studio/testing.ts";
import { launchChromium } from "../tests/support/chromium.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const demo = join(root, "demo", "emoji");
/** The number of the demo's classes in the project. */
const CLASSES = 5;

const work = mkdtempSync(join(tmpdir(), "graft-screenshots-"));
const project = join(work, "emoji");
const classes = readdirSync(demo, { withFileTypes: true }).filter((entry) => entry.isDirectory());
for (const { name } of classes.slice(0, CLASSES)) cpSync(join(demo, name), join(project, name), { recursive: true });
const [{ name: asked } = { name: "" }] = classes;
const picture = join(demo, asked, readdirSync(join(demo, asked))[12]!);

const studio = await spawnStudio(project, ["--offline"]);
const browser = await launchChromium();
const page = await (await browser.newContext({ viewport: { width: 1200, height: 780 } })).newPage();
page.setDefaultTimeout(600_000);
const shoot = async (name: string): Promise<void> => {
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(root, "docs", "studio", `${name}.png`) });
};
const go = async (hash: string): Promise<void> => {
  await page.goto(new URL(hash, studio.url).href);
  await page.getByRole("heading").first().waitFor();
};
const train = async (): Promise<void> => {
  await page.getByRole("button", { name: /^Train on/ }).click();
  await page.getByRole("heading", { name: /^Training: / }).waitFor();
  await page.getByRole("link", { name: "See its results" }).waitFor();
};

try {
  await page.goto(studio.link);
  await page.getByRole("option").first().waitFor();
  await shoot("pictures");
  await go("#/train");
  await page.getByRole("button", { name: /^Compare/ }).click();
  await page.getByRole("button", { name: "Compare again" }).waitFor();
  await shoot("train");
  await train();
  await page.getByRole("radio", { name: /^inception_v3 / }).check();
  await train();
  await page.getByRole("link", { name: "See its results" }).click();
  await page.getByTestId("accuracy").waitFor();
  await shoot("results");
  await page.getByRole("region", { name: "Confusion matrix" }).scrollIntoViewIfNeeded();
  await shoot("confusion");
  await page.getByRole("link", { name: "Try it", exact: true }).last().click();
  await page.getByLabel("Choose images").setInputFiles(picture);
  await page.getByTestId("answer").waitFor();
  await shoot("try");
  const runs = readdirSync(join(project, ".graft", "runs")).filter((name) => !name.startsWith("."));
  await go(`#/compare/${runs.slice(0, 2).join(",")}`);
  await shoot("compare");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 360, height: 740 });
  await go("#/results");
  await shoot("phone");
} finally {
  await browser.close();
  await studio.end();
  rmSync(work, { recursive: true, force: true });
}
