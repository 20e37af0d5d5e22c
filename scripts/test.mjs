/**
 * Runs the tests once: `node scripts/test.mjs [--fast] [what Vitest takes]`.
 *
 * Vite takes a # in a path for the beginning of a fragment, and Vitest reads %20 as a space. A clone in a folder with such a name is
 * tested by its twin: the same files, by hard links, under a plain name.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** What needs dist/ and minutes, and arithmetic that is the same on every version of Node. */
const SLOW = ["tests", "src/advise", "src/autodiff", "src/explain", "src/zoo"];

function linkFolder(from, to) {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkFolder(source, target);
    else if (entry.isFile()) {
      try {
        linkSync(source, target);
      } catch {
        copyFileSync(source, target); // Another disk, or a system without links.
      }
    }
  }
}

function test(folder, args) {
  const vitest = join(folder, "node_modules", "vitest", "vitest.mjs");
  const { status, error } = spawnSync(process.execPath, [vitest, "run", ...args], { cwd: folder, stdio: "inherit" });
  if (error) throw error;
  return status ?? 1;
}

const given = process.argv.slice(2);
const fast = SLOW.flatMap((folder) => ["--exclude", `${folder}/**`]);
const args = given[0] === "--fast" ? [...fast, ...given.slice(1)] : given;
if (!/[#?%]/.test(root)) process.exit(test(root, args));

const place = mkdtempSync(join(tmpdir(), "graft-twin-"));
const twin = join(place, "graft");
try {
  linkFolder(root, twin);
  // Data that some tests want beside the clone.
  const shared = join(root, "..", "shared");
  if (existsSync(shared)) symlinkSync(shared, join(place, "shared"), "junction");
  process.exitCode = test(twin, args);
} finally {
  rmSync(place, { recursive: true, force: true });
}
