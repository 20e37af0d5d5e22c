/** The studio in a real browser with hostile neighbours: a server on another port, and a report from someone else. */
import { mkdtempSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startStudio, type TestStudio } from "../src/studio/testing.ts";
import { browserNote, chromiumPath, launchChromium } from "./support/chromium.ts";
import { writeFinishedRun } from "./support/finished-run.ts";
import { writeShapes } from "./support/pictures.ts";

const [ID, FRAMED] = ["20260101-000000", "20260101-000001"];

describe.skipIf(chromiumPath === undefined)(`the studio beside others${browserNote}`, () => {
  const root = join(mkdtempSync(join(tmpdir(), "graft-hostile-")), "project");
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let studio: TestStudio;
  /** A server on another port of 127.0.0.1, as any program of this machine may have one. */
  let other: Server;
  let otherUrl: string;
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const link = (): string => `http://127.0.0.1:${studio.port}/#token=${studio.token}`;

  beforeAll(async () => {
    await writeShapes(root, { circle: 2, square: 2 });
    other = createServer((request, response) => {
      requests.push(request);
      response.setHeader("Content-Type", "text/html");
      response.end("<title>other</title>");
    });
    other.on("connection", () => connections++);
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const beacon = (name: string): string => `${otherUrl}/${name}`;
    writeFinishedRun(root, ID, {
      "report.html": `<!doctype html><html><head><title>report</title>
        <meta http-equiv="refresh" content="0;url=${beacon("refresh")}">
        <style>@import "${beacon("import")}"; body { background: url(${beacon("background")}) }
        @font-face { font-family: x; src: url(${beacon("font")}) } body { font-family: x }</style></head>
        <body onload="document.title = 'handled'"><p>A report.</p>
        <img src="${beacon("image")}" srcset="${beacon("set")} 1x" onerror="document.title = 'handled'">
        <svg onload="document.title = 'handled'"><image href="${beacon("svg")}"/><use href="${beacon("use")}#x"/></svg>
        <button formaction="${beacon("form")}" onclick="document.title = 'clicked'" autofocus>Go</button>
        <a href="javascript:document.title = 'clicked'">Click</a></body></html>`,
    });
    writeFinishedRun(root, FRAMED, { "report.html": `<p>A report.</p><iframe src="${beacon("frame")}"></iframe>` });
    studio = await startStudio(root);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await studio?.close();
    other?.close();
    other?.closeAllConnections();
  });
  beforeEach(async () => {
    await context?.close();
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(link());
    await page.getByRole("link", { name: /^circle/ }).waitFor();
    requests.length = 0;
  });

  test("the link's token is in neither the address nor the history, and reload and new tabs need no link", async () => {
    expect(page.url()).not.toContain("token");
    await page.reload();
    await page.getByRole("link", { name: /^circle/ }).waitFor();
    const second = await context.newPage();
    await second.goto(`http://127.0.0.1:${studio.port}/`);
    await second.getByRole("link", { name: /^circle/ }).waitFor();
    // Images come with the key, and are shown.
    const image = second.locator(".tile img").first();
    await expect
      .poll(() => image.evaluate((one) => (one as unknown as { naturalWidth: number }).naturalWidth))
      .toBe(224);
    // The link, opened in a tab that is in already, changes nothing but the address.
    await second.goto(link());
    await expect.poll(() => second.url()).not.toContain("token");
    await second.getByRole("link", { name: /^circle/ }).waitFor();
  });

  test("without the cookie, or with an old link: the page says which link to open, and shows nothing else", async () => {
    await context.clearCookies();
    await page.reload();
    await page.getByRole("alert").getByText("open the link that").waitFor();
    expect(await page.getByRole("link", { name: /^circle/ }).count()).toBe(0);
    const fresh = await browser.newContext();
    const stranger = await fresh.newPage();
    await stranger.goto(`http://127.0.0.1:${studio.port}/#token=${"0".repeat(64)}`);
    await stranger.getByRole("alert").getByText("open the link that").waitFor();
    await fresh.close();
    // The link lets it in again.
    await page.goto(link());
    await page.getByRole("link", { name: /^circle/ }).waitFor();
  });

  test("a server on another port gets the cookie from the browser, and nothing for it", async () => {
    const evil = await context.newPage();
    await evil.goto(`${otherUrl}/api/anything`);
    const cookie = requests.find(({ url }) => url === "/api/anything")!.headers.cookie ?? "";
    // Browsers send it, so it must be useless by itself.
    expect(cookie).toMatch(new RegExp(`^graft-studio-${studio.port}=[0-9a-f]{64}$`));
    for (const path of ["/api/project", "/api/events", `/api/runs/${ID}/files/model.onnx`])
      expect((await studio.ask(path, { known: false, headers: { Cookie: cookie } })).status, path).toBe(401);
    const own = `http://127.0.0.1:${studio.port}`;
    const tried = await evil.evaluate<readonly unknown[]>(`(async () => {
      const attempt = (path, init) => fetch(${JSON.stringify(own)} + path, init).then((r) => [r.type, r.status], () => "failed");
      const picture = new Image();
      const loaded = await new Promise((resolve) => {
        picture.onload = () => resolve("loaded");
        picture.onerror = () => resolve("failed");
        picture.src = ${JSON.stringify(own)} + "/api/thumbnails/tile/circle/000.png";
      });
      return [
        await attempt("/api/project", { credentials: "include" }),
        await attempt("/api/project", { credentials: "include", headers: { "Graft-Key": "x" } }),
        await attempt("/api/classes", { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: "{}" }),
        await attempt("/api/undo", { method: "POST", mode: "no-cors", credentials: "include", body: "{}" }),
        loaded,
        localStorage.length,
      ];
    })()`);
    expect(tried).toEqual(["failed", "failed", "failed", "failed", "failed", 0]);
    expect((await studio.json<{ undo: string | null }>("/api/project")).undo).toBeNull();
  });

  test("a page on another port that sets a cookie of the session's name does not lock the user out", async () => {
    await context.addCookies([
      { name: `graft-studio-${studio.port}`, value: "planted", domain: "127.0.0.1", path: "/api/project" },
    ]);
    await page.reload();
    await page.getByRole("link", { name: /^circle/ }).waitFor();
  });

  /** Opens the report of a training by its button. */
  const openReport = async (id: string): Promise<Page> => {
    await page.goto(`http://127.0.0.1:${studio.port}/#/results/${id}`);
    const button = page.getByRole("button", { name: "Report" });
    const [report] = await Promise.all([context.waitForEvent("page"), button.click()]);
    return report;
  };

  test("a report from somebody else runs nothing, asks for nothing, and its address is worth nothing elsewhere", async () => {
    const before = connections;
    const report = await openReport(ID);
    await report.getByText("A report.").waitFor();
    await report.getByText("Click").click();
    await report.getByRole("button", { name: "Go" }).click();
    await report.waitForTimeout(1000);
    expect(await report.title()).toBe("report");
    expect(new URL(report.url()).origin).toBe(`http://127.0.0.1:${studio.port}`);
    expect([requests.length, connections]).toEqual([0, before]);
    const address = report.url().slice(`http://127.0.0.1:${studio.port}`.length);
    expect((await studio.ask(address, { known: false })).status).toBe(401);
  });

  test("a report with a frame is not shown: the browser would connect to the frame's address before it asks the policy", async () => {
    const before = connections;
    const report = await openReport(FRAMED);
    await report.getByText("not written by Graft").waitFor();
    await report.waitForTimeout(1000);
    expect(connections).toBe(before);
  });
});
