/** Nothing leaves the machine, and nothing but Graft's own files stays on it. */
import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { RunInfo, RunSettings } from "../src/studio/api.ts";
import { type Alone, alone, isForeign, untraceable } from "./support/alone.ts";
import { tinyNetwork } from "./support/network.ts";
import { drawShape, encode, writeShapes } from "./support/pictures.ts";

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const library = fileURLToPath(new URL("../dist/index.js", import.meta.url));
/** Of the system that ONNX Runtime reports from. On Windows it hands events to the system, which leaves no files. */
const reports = process.platform !== "win32";

/** The first line that a process prints, as JSON. */
const firstLine = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    let [text, said] = ["", ""];
    child.stdout!.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      if (text.includes("\n")) resolve(JSON.parse(text) as T);
    });
    child.stderr!.setEncoding("utf8").on("data", (more: string) => {
      said += more;
    });
    child.on("close", (code) => reject(new Error(`It ended with ${code}: ${said}`)));
  });

/** Ends a server in an orderly way. */
const end = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.on("close", () => resolve());
    child.kill("SIGTERM");
  });

async function trainByStudio(scene: Alone, network: string): Promise<void> {
  const args = ["studio", join(scene.work, "shapes"), "--port", "0", "--json", "--network", network];
  const studio = scene.start([main, ...args, "--preprocessing", "imagenet"]);
  const { url, token } = await firstLine<{ url: string; token: string }>(studio);
  const ask = async <T>(path: string, body?: object): Promise<T> => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const response = await fetch(new URL(path, url), {
      headers,
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const settings: RunSettings = { network, unfreeze: "none", seed: 0, classWeights: "none" };
  const { id } = await ask<RunInfo>("api/runs", settings);
  const state = async (): Promise<string> => (await ask<RunInfo>(`api/runs/${id}`)).state.kind;
  while ((await state()) === "running") await setTimeout(200);
  expect(await state()).toBe("done");
  await end(studio);
}

/** Trains and predicts with each entry point, in processes of their own. */
async function useEverything(scene: Alone): Promise<void> {
  const [network, out] = [join(scene.work, "tiny.onnx"), join(scene.work, "out")];
  writeFileSync(network, tinyNetwork());
  const shapes = await writeShapes(join(scene.work, "shapes"), { circle: 14, square: 14, triangle: 14 });
  const picture = join(scene.work, "picture.png");
  writeFileSync(picture, await encode(drawShape("circle", 60, 60, 99), "png"));
  const own = ["--network", network, "--preprocessing", "imagenet"];
  await scene.run([main, "train", shapes, ...own, "--out", out]);
  await scene.run([main, "train", shapes, ...own, "--out", `${out}-tuned`, "--unfreeze", "all", "--epochs", "1"]);
  const model = join(out, "model.onnx");
  await scene.run([main, "predict", model, picture]);
  await scene.run([main, "evaluate", model, shapes]);
  const serve = scene.start([main, "serve", model, "--port", "0", "--json"]);
  const { url } = await firstLine<{ url: string }>(serve);
  const { status } = await fetch(`${url}/predict`, {
    method: "POST",
    headers: { "Content-Type": "image/png" },
    body: new Uint8Array(readFileSync(picture)),
  });
  expect(status).toBe(200);
  await end(serve);
  await trainByStudio(scene, network);
}

const isGrafts = (path: string): boolean => path.startsWith(join("home", ".cache", "graft"));

const traced = untraceable === undefined;
const why = untraceable ? ` (skipped: ${untraceable})` : "";

describe.runIf(reports)("train, predict, evaluate, serve, studio", () => {
  const scene = alone({ traced });
  beforeAll(() => useEverything(scene));

  test("leave nothing in home and temporary folder but Graft's cache", () => {
    expect(scene.files().filter(isGrafts).length).toBeGreaterThan(0);
    expect(scene.files().filter((path) => !isGrafts(path))).toEqual([]);
  });

  test.runIf(traced)(`look up no name and speak to no other machine${why}`, () => {
    expect(scene.foreignCalls()).toEqual([]);
  });
});

test.runIf(traced)(`a look-up is seen${why}`, async () => {
  const scene = alone({ traced });
  // Names that end in .invalid never exist (RFC 6761).
  await scene.run(["--eval", 'require("node:dns").resolve4("graft.invalid", () => {})']);
  expect(scene.foreignCalls().length).toBeGreaterThan(0);
});

test.each([
  ['connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("20.42.65.92")}, 16) = -1', true],
  ['sendto(3, "", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 1', true],
  ['connect(3, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2603::1", &sin6_addr)}, 28) = 0', true],
  ['connect(3, {sa_family=AF_INET, sin_port=htons(8000), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', false],
  ['connect(3, {sa_family=AF_INET6, sin6_port=htons(8000), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0', false],
  ['connect(3, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT', true],
  ["sendto(3, [{nlmsg_len=20}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20", false],
])("%s is foreign: %s", (call, foreign) => expect(isForeign(call)).toBe(foreign));

describe.runIf(reports)("the library", () => {
  /** Opens a network, which opens sessions, and prints `opened` or the code of the error. */
  const program = (scene: Alone, thread: "main" | "worker"): string => {
    writeFileSync(join(scene.work, "tiny.onnx"), tinyNetwork());
    const path = join(scene.work, "program.mjs");
    // The worker gets a setting that ONNX Runtime does not read: it uses the environment of the process.
    writeFileSync(
      path,
      `import { isMainThread, Worker } from "node:worker_threads";
       if (isMainThread && ${thread === "worker"}) {
         new Worker(new URL(import.meta.url), { env: { ORT_DISABLE_TELEMETRY: "1" } });
       } else {
         const { openNetwork } = await import(${JSON.stringify(pathToFileURL(library).href)});
         const open = () => openNetwork("tiny.onnx", { preprocessing: "imagenet" });
         console.log(await open().then(() => "opened", ({ code }) => code));
       }`,
    );
    return path;
  };

  test.each(["main", "worker"] as const)("turns the telemetry off from the %s thread", async (thread) => {
    const scene = alone();
    expect(await scene.run([program(scene, thread)])).toBe("opened\n");
    expect(scene.files()).toEqual([]);
  });

  test("opens no model from a worker thread that may not turn it off", async () => {
    const scene = alone();
    const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
    const name = major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13) ? "" : "experimental-";
    const flags = [`--${name}permission`, "--allow-fs-read=*", "--allow-worker", "--allow-addons", "--no-warnings"];
    expect(await scene.run([...flags, program(scene, "worker")])).toBe("telemetry-on\n");
    expect(scene.files()).toEqual([]);
  });
});
