/**
 * Graft on the versions of Node that it promises to run on: `npx tsx scripts/node-versions.ts [VERSION…]`, after `npm run build`.
 * By default the lowest that `engines` allows, and the newest of 20, 22, 24 and of all; each comes from npm as the package `node`.
 * On each, `graft train --unfreeze` runs from beginning to end; on the newest ones also the quick unit tests, but for the version that
 * runs this, which has run all tests.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tinyNetwork } from "../tests/support/network.ts";
import { writeShapes } from "../tests/support/pictures.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const NEWEST = ["20", "22", "24", "latest"];

/** `^20.19 || >=22.9` → 20.19.0 and 22.9.0: the vitest that runs the unit tests wants more than these. */
function lowest(): string[] {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } };
  return engines.node.match(/\d+\.\d+/g)!.map((version) => `${version}.0`);
}

/** npm's settings for this repository, which `npm run` hands down, keep the package from putting its program in place. */
const plain = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));

/** Fetches a version; returns its program. */
function fetchNode(work: string, version: string): string {
  const folder = join(work, version);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}");
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", `node@${version}`];
  const npm = spawnSync("npm", args, {
    cwd: folder,
    env: plain,
    shell: process.platform === "win32",
    encoding: "utf8",
  });
  if (npm.status !== 0) throw new Error(`npm could not install node@${version}: ${npm.stderr}`);
  return join(folder, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}

/** Whether it ended well; else prints what it said. */
function isDone(what: string, { status, stdout, stderr }: SpawnSyncReturns<string>): boolean {
  process.stdout.write(`${status === 0 ? "✓" : "✗"} ${what}\n`);
  if (status !== 0) process.stdout.write(`${stdout}${stderr}`);
  return status === 0;
}

const work = mkdtempSync(join(tmpdir(), "graft-nodes-"));
try {
  const network = join(work, "tiny.onnx");
  writeFileSync(network, tinyNetwork(1, 2));
  const shapes = await writeShapes(join(work, "shapes"), { circle: 14, square: 14 });
  const given = process.argv.slice(2);
  const results = (given.length > 0 ? given : [...lowest(), ...NEWEST]).map((version) => {
    const node = fetchNode(work, version);
    const run = (args: readonly string[]): SpawnSyncReturns<string> =>
      spawnSync(node, args, {
        cwd: root,
        env: { ...process.env, GRAFT_CACHE: join(work, `cache-${version}`) },
        encoding: "utf8",
        maxBuffer: 1 << 26,
      });
    const called = run(["--version"]).stdout.trim();
    // The last stage alone: what the layers before it made is kept as float16.
    const train = ["train", shapes, "--network", network, "--preprocessing", "imagenet", "--unfreeze", "1"];
    const out = join(work, `out-${version}`);
    const trained = isDone(
      `${called}: graft train --unfreeze`,
      run([join("dist", "cli", "main.js"), ...train, "--epochs", "2", "--out", out]),
    );
    if (!/^(?:\d+|latest)$/.test(version) || called.split(".")[0] === process.version.split(".")[0]) return trained;
    const tsx = join("node_modules", "tsx", "dist", "cli.mjs");
    const tested = isDone(`${called}: quick unit tests`, run([tsx, join("scripts", "test.ts"), "--fast"]));
    return trained && tested;
  });
  process.exitCode = results.every(Boolean) ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
