/**
 * Runs the tests once: `tsx scripts/test.ts [--fast] [what Vitest takes]`.
 *
 * Vite takes a # in a path for the beginning of a fragment, and Vitest reads %20 as a space. A clone in a folder with such a name is
 * tested by its twin: the same files, by hard links, under a plain name.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { linkFolder } from "./support/link-folder.ts";
import { runProgram } from "./support/program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const given = process.argv.slice(2);
const isFast = given[0] === "--fast";
// Read by vitest.config.ts, which has the patterns.
if (isFast) process.env.GRAFT_TESTS = "fast";
const args = ["run", ...(isFast ? given.slice(1) : given)];

function testTwin(): number {
  const place = mkdtempSync(join(tmpdir(), "graft-twin-"));
  try {
    const twin = join(place, "graft");
    linkFolder(root, twin);
    // Data that some tests want beside the clone.
    const shared = join(root, "..", "shared");
    if (existsSync(shared)) symlinkSync(shared, join(place, "shared"), "junction");
    return runProgram(twin, "vitest", args);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

process.exitCode = /[#?%]/.test(root) ? testTwin() : runProgram(root, "vitest", args);
