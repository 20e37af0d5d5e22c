/** A clone in a folder whose name has a space, a letter beyond ASCII, a # and a % builds, trains, predicts and tests itself. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { cloneInto, uncloneable } from "./support/clone.ts";
import { tinyNetwork } from "./support/network.ts";
import { drawShape, encode, writeShapes } from "./support/pictures.ts";

const work = mkdtempSync(join(tmpdir(), "graft-clone-"));
const clone = join(work, "my clone", "é#1 %20", "graft");
const main = join(clone, "dist", "cli", "main.js");
const out = join(clone, "graft-out");

const start = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, args, {
    cwd: clone,
    env: { ...process.env, GRAFT_CACHE: join(clone, "cache"), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });

/** Runs Node in the clone; returns what it printed. */
function run(...args: string[]): Promise<string> {
  const child = start(args);
  let [printed, said] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(printed) : reject(new Error(`node ${args.join(" ")} ended with ${code}: ${printed}${said}`)),
    );
  });
}

/** Starts a server, uses it, ends it. */
async function served(args: readonly string[], use: (url: string) => Promise<void>): Promise<void> {
  const child = start([main, ...args, "--port", "0", "--json"]);
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout!.setEncoding("utf8").once("data", resolve);
      child.on("close", (code) => reject(new Error(`${args[0]} ended with ${code}`)));
    });
    await use((JSON.parse(line) as { url: string }).url);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

describe.runIf(uncloneable === undefined)(
  `a clone in my clone/é#1 %20${uncloneable ? ` (skipped: ${uncloneable})` : ""}`,
  () => {
    let picture: Buffer;
    beforeAll(async () => {
      cloneInto(clone);
      await run(join("scripts", "setup.mjs"));
      writeFileSync(join(clone, "tiny.onnx"), tinyNetwork());
      picture = await encode(drawShape("circle", 60, 60, 99), "png");
      writeFileSync(join(clone, "picture.png"), picture);
      const shapes = await writeShapes(join(clone, "shapes"), { circle: 14, square: 14 });
      await run(main, "train", shapes, "--network", "tiny.onnx", "--preprocessing", "imagenet", "--out", out);
    });

    test("builds the studio's page and what its stand-alone pages are made of", () => {
      const page = readFileSync(join(clone, "dist", "studio-page", "index.html"), "utf8");
      const script = /<script[^>]* src="([^"]+)"/.exec(page)![1]!;
      expect(existsSync(join(clone, "dist", "studio-page", script))).toBe(true);
      expect(readFileSync(join(clone, "dist", "studio-standalone", "standalone.js"), "utf8")).toContain("document");
    });

    test("answers by the command line", async () => {
      const model = join("graft-out", "model.onnx");
      expect(JSON.parse(await run(main, "predict", model, "picture.png", "--json"))).toMatchObject({
        predictions: [{ label: "circle" }],
      });
      expect(await run(main, "explain", model, "picture.png")).toContain("picture");
    });

    test("serves, with threads of its own", () =>
      served(["serve", join("graft-out", "model.onnx")], async (url) => {
        const headers = { "Content-Type": "image/png" };
        const response = await fetch(`${url}/predict`, { method: "POST", headers, body: new Uint8Array(picture) });
        expect(await response.json()).toMatchObject({ predictions: [{ label: "circle" }] });
      }));

    test("opens the studio", () =>
      served(["studio", "shapes"], async (url) => {
        expect((await fetch(url)).status).toBe(200);
      }));

    test("runs its tests", async () => {
      const printed = await run(
        join("node_modules", "tsx", "dist", "cli.mjs"),
        join("scripts", "test.ts"),
        join("src", "base", "version.test.ts"),
        join("src", "data", "image", "decode.thumbnail.test.ts"),
      );
      expect(printed).toMatch(/Test Files\s+2 passed/);
    });
  },
);
