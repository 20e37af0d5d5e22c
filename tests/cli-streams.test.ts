/** The process as a shell sees it: closed output, full disks, interruptions, names with control characters. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { type Finished, graft, graftJson, type Predicted, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";

const work = temporaryFolder();
const cache = join(work, "cache");
const good = join(work, "good");
const network = join(work, "tiny.onnx");
const model = join(work, "trained", "model.onnx");
const isPosix = process.platform !== "win32";
const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
let serial = 0;
const newFolder = (): string => join(work, `case-${serial++}`);
const trainArgs = (dataset: string, out: string): string[] => [
  ...["train", dataset, "--network", network, "--preprocessing", "imagenet", "--out", out],
];

/** Starts `graft`, its streams in the test's hands. */
const start = (args: readonly string[], stdout: "pipe" | number = "pipe"): ChildProcess =>
  spawn(process.execPath, [main, ...args], {
    env: { ...process.env, GRAFT_CACHE: cache, NO_COLOR: "1" },
    stdio: ["ignore", stdout, "pipe"],
  });

interface Ended extends Finished {
  readonly signal: NodeJS.Signals | null;
}

function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr })));
}

/** Resolves with the first text on a stream. */
const first = (child: ChildProcess, stream: "stdout" | "stderr"): Promise<void> =>
  new Promise((resolve) => child[stream]!.once("data", () => resolve()));

beforeAll(async () => {
  writeFileSync(network, tinyNetwork());
  await writeShapes(good, { circle: 10, square: 10 });
  await graftJson(trainArgs(good, join(work, "trained")), cache);
});

describe("a reader that goes away", () => {
  test.each([
    ["help", ["--help"]],
    ["a list", ["networks", "list"]],
    ["JSON", ["networks", "list", "--json"]],
    ["predictions", ["predict", model, good]],
    ["predictions as JSON", ["predict", model, good, "--json"]],
    ["a training's result", trainArgs(good, newFolder())],
  ])("of %s: the end is quiet, and the exit code the work's own", async (_, args) => {
    const child = start(args);
    child.stdout!.destroy();
    const { code, stderr } = await ended(child);
    expect(stderr).not.toMatch(/EPIPE|node:|Error|^\s+at /m);
    expect(code).toBe(0);
  });

  test("of stderr too: the training is done all the same, and a failure keeps its exit code", async () => {
    const out = newFolder();
    const child = start(trainArgs(good, out));
    child.stderr!.destroy();
    expect((await ended(child)).code).toBe(0);
    expect(existsSync(join(out, "model.onnx"))).toBe(true);
    const failing = start(trainArgs(join(work, "nowhere"), newFolder()));
    failing.stderr!.destroy();
    expect((await ended(failing)).code).toBe(3);
  });

  test("ends a prediction before its last image", async () => {
    const many = Array.from({ length: 200 }, () => good);
    const child = start(["predict", model, ...many]);
    await first(child, "stdout");
    child.stdout!.destroy();
    // 4,000 images would take longer than this test may.
    expect((await ended(child)).code).toBe(0);
  }, 60_000);
});

test.skipIf(!existsSync("/dev/full"))("output onto a full disk is a failure, said in a sentence", async () => {
  for (const args of [["networks", "list"], ["predict", model, good], ["predict", model, good, "--json"], ["--help"]]) {
    const full = openSync("/dev/full", "w");
    const { code, stderr } = await ended(start(args, full));
    closeSync(full);
    expect(stderr).toMatch(/graft: Could not write the output: the disk is full: free some space/);
    expect(stderr).not.toMatch(/ENOSPC|^\s+at /m);
    expect(code).toBe(1);
  }
});

describe.skipIf(!isPosix)("an interruption", () => {
  const slow = join(work, "slow.onnx");
  const args = (out: string): string[] => [
    ...["train", good, "--network", slow, "--preprocessing", "imagenet", "--progress", "json", "--out", out],
  ];
  beforeAll(() => writeFileSync(slow, tinyNetwork(3, 200)));

  test("ends a training in good order, with 130, and leaves no empty folder", async () => {
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const out = newFolder();
      const child = start(args(out));
      child.stderr!.on("data", (text: string) => {
        if (String(text).includes("Reading features")) child.kill(signal);
      });
      const finished = await ended(child);
      expect(finished.stderr).toMatch(
        /graft: Stopped: the results so far are kept\. Run the same command again to continue\.\n$/,
      );
      expect({ code: finished.code, stdout: finished.stdout }).toEqual({ code, stdout: "" });
      expect(existsSync(out)).toBe(false);
    }
  });

  test("prints what was predicted by then: lines as they are, JSON as one object", async () => {
    const many = Array.from({ length: 300 }, () => good);
    for (const flags of [[], ["--json"]]) {
      const child = start(["predict", model, ...many, ...flags]);
      const end = ended(child);
      await first(child, "stdout");
      child.kill("SIGINT");
      const { code, stdout, stderr } = await end;
      expect(stderr).toMatch(/graft: Stopped before all 6000 images were classified\.\n$/);
      expect(code).toBe(130);
      if (flags.length === 0) {
        const lines = stdout.trimEnd().split("\n");
        expect(lines.length).toBeLessThan(6000);
        for (const line of lines) expect(line).toMatch(/\.(png|jpeg|webp|gif): .* \d+\.\d%/);
      } else {
        const { predictions, skipped, stopped } = JSON.parse(stdout) as Predicted<{ path: string }>;
        expect(predictions.length).toBeGreaterThan(0);
        expect(predictions.length).toBeLessThan(6000);
        expect([skipped, stopped]).toEqual([[], true]);
      }
    }
  });
});

describe("failures leave nothing and say why", () => {
  const runs: [string, () => string[], number, RegExp][] = [
    ["a dataset that is not there", () => trainArgs(join(work, "nowhere"), newFolder()), 3, /There is no dataset/],
    [
      "a network that is a folder",
      () => ["train", good, "--network", good, "--out", newFolder()],
      3,
      /Could not read .*good: it is a folder: give the path of a file\./,
    ],
    ["a model that is a folder", () => ["predict", good, good], 3, /Could not read the model .*: it is a folder/],
    ["a model below a file", () => ["predict", join(network, "m.onnx"), good], 3, /is a file, not a folder/],
    ["a model with too long a name", () => ["predict", "m".repeat(5000), good], 3, /the path is too long/],
    ["an input with too long a name", () => ["predict", model, "p".repeat(5000)], 3, /the path is too long/],
    [
      "an output with too long a name",
      () => trainArgs(good, join(newFolder(), "o".repeat(300))),
      1,
      /the path is too long/,
    ],
    ["an output that is a file", () => trainArgs(good, network), 1, /a file of that name is in the way/],
    [
      "overlays below a file",
      () => ["explain", model, join(good, "circle/000.png"), "--out", join(network, "x")],
      1,
      /is a file, not a folder/,
    ],
  ];
  test.each(runs)("%s", async (_, args, exit, says) => {
    const { code, stdout, stderr } = await graft(args(), cache);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\bE[A-Z]{4,}\b|syscall|^\s+at /m);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^graft: .{1,600}\.$/);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(readdirSync(work).filter((name) => name === `case-${serial - 1}`)).toEqual([]);
  });
});

describe.skipIf(!isPosix)("names that would act on a terminal", () => {
  const evil = join(work, "evil");
  const className = "\u001b[31mred\u001b]0;title\u0007";
  const fileName = "line\nbreak\u009b2J.png";
  const expectSafe = (text: string): void => expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);

  test("are escaped wherever a command prints them, in text and in JSON", async () => {
    cpSync(good, evil, { recursive: true });
    mkdirSync(join(evil, className));
    for (let i = 0; i < 10; i++) cpSync(join(good, "circle", "000.png"), join(evil, className, `${i}${fileName}`));
    writeFileSync(join(evil, className, `bad${fileName}`), "no picture");
    const out = newFolder();
    const trained = await graft(trainArgs(evil, out), cache);
    expect(trained.code).toBe(0);
    const its = join(out, "model.onnx");
    const picture = join(evil, className, `0${fileName}`);
    const commands = [
      ["predict", its, picture, join(evil, className, `bad${fileName}`)],
      ["evaluate", its, evil],
      ["audit", evil, "--network", network, "--preprocessing", "imagenet"],
      ["explain", its, picture, "--out", newFolder()],
      ["predict", its, join(evil, `${className}nowhere`)],
      ["train", evil, `--${className}`],
    ];
    expectSafe(trained.stdout + trained.stderr);
    for (const args of commands) {
      const { stdout, stderr } = await graft(args, cache);
      expect(stdout + stderr, args[0]).toContain("\\u001b");
      expectSafe(stdout + stderr);
    }
    for (const args of commands.slice(0, 4)) {
      const { stdout } = await graft([...args, "--json"], cache);
      expectSafe(stdout);
      expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(className).slice(1, -1));
    }
  });
});
