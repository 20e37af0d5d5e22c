/** The studio's page in a browser, driven and measured. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CDPSession, chromium } from "playwright-core";
import { chromiumPath } from "../../tests/support/chromium.ts";

export interface Scrolled {
  readonly firstSeconds: number;
  readonly tiles: number;
  /** MB */
  readonly memoryBefore: number;
  readonly memoryAfter: number;
  readonly heap: number;
  /** Milliseconds between animation frames. */
  readonly frames: readonly number[];
  readonly blank: number;
}

export interface BenchPage {
  scroll(className: string, seconds: number): Promise<Scrolled>;
  /** Seconds from the choice of the files until the page says that they are added. */
  add(className: string, folder: string, count: number): Promise<number>;
  /** Seconds from the click until the page says that the training ended well. */
  train(network: string): Promise<number>;
  close(): Promise<void>;
}

export async function openPage(link: string): Promise<BenchPage> {
  if (chromiumPath === undefined)
    throw new Error("The bench needs Chromium: install it, or name one in GRAFT_CHROMIUM.");
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  page.setDefaultTimeout(600_000);
  const cdp = await browser.newBrowserCDPSession();
  await page.goto(link);
  const go = (hash: string): Promise<unknown> => page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
  return {
    async scroll(className, seconds) {
      const began = performance.now();
      await go(`#/pictures/${className}`);
      // Evaluated from outside: the page's policy forbids texts that become code.
      const isShown =
        "(() => { const seen = [...document.querySelectorAll('.tile img')].slice(0, 20); return seen.length === 20 && seen.every((img) => img.complete && img.naturalWidth > 0); })()";
      while (!(await page.evaluate<boolean>(isShown))) await page.waitForTimeout(20);
      const firstSeconds = (performance.now() - began) / 1000;
      const memoryBefore = await rendererMemory(cdp);
      const frames = await page.evaluate<number[]>(`new Promise((done) => {
        const height = document.documentElement.scrollHeight - innerHeight;
        const frames = [];
        const began = performance.now();
        let last = began;
        const step = (now) => {
          frames.push(now - last);
          last = now;
          const share = (now - began) / ${seconds * 1000};
          scrollTo({ top: height * share, behavior: "instant" });
          if (share < 1) requestAnimationFrame(step);
          else done(frames.slice(1));
        };
        requestAnimationFrame(step);
      })`);
      await page.waitForTimeout(1000);
      const blank = await page.evaluate<number>(
        "[...document.querySelectorAll('.tile img')].filter((img) => { const box = img.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight && !(img.complete && img.naturalWidth > 0); }).length",
      );
      return {
        firstSeconds,
        memoryBefore,
        frames,
        blank,
        memoryAfter: await rendererMemory(cdp),
        heap: (await page.evaluate<number>("performance.memory.usedJSHeapSize")) / 1e6,
        tiles: await page.locator(".tile").count(),
      };
    },
    async add(className, folder, count) {
      await go(`#/pictures/${className}`);
      const files = readdirSync(folder).map((name) => join(folder, name));
      const began = performance.now();
      await page.getByLabel("Add images").setInputFiles(files);
      await page.getByText(`${count.toLocaleString("en-US")} images added`).waitFor();
      return (performance.now() - began) / 1000;
    },
    async train(network) {
      await go("#/train");
      await page.getByRole("radio", { name: new RegExp(`^${network} `) }).check();
      const began = performance.now();
      await page.getByRole("button", { name: /^Train on/ }).click();
      await page.getByRole("heading", { name: /^Training: / }).waitFor();
      await page.getByText("The last training is finished").waitFor();
      return (performance.now() - began) / 1000;
    },
    close: () => browser.close(),
  };
}

/** Proportional set size of the largest renderer process, in MB. */
async function rendererMemory(cdp: CDPSession): Promise<number> {
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  const sizes = processInfo
    .filter(({ type }) => type === "renderer")
    .map(
      ({ id }) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1e3,
    );
  return Math.max(...sizes);
}
