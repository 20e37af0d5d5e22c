/** A real browser for tests: the system's Chromium, without a window, cut off from everything but this machine. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The executable; `GRAFT_CHROMIUM` names another. */
export const chromiumPath: string | undefined = [process.env.GRAFT_CHROMIUM ?? "", ...places].find(
  (path) => path !== "" && existsSync(path),
);

/** Why tests that need a browser are skipped without one. */
export const browserNote =
  chromiumPath === undefined
    ? " (skipped: there is no Chromium; `apt-get install chromium`, or name one in GRAFT_CHROMIUM)"
    : "";

/** Starts it. `gpu`: `software` gives pages a WebGPU adapter that computes on the processor. */
export function launchChromium(gpu: "none" | "software" = "none"): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error("There is no Chromium.");
  const webgpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
  return chromium.launch({
    executablePath: chromiumPath,
    args: ["--no-sandbox", "--no-first-run", ...(gpu === "none" ? ["--disable-gpu"] : webgpu)],
  });
}
