/**
 * Gives the tests of one run a temporary folder of their own, and takes it away afterwards with all they left in it. Tests that use
 * ONNX Runtime without Graft, or Python's, find its telemetry off.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function setup(): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "graft-tests-"));
  process.env.TMPDIR = folder;
  process.env.ORT_DISABLE_TELEMETRY = "1";
  return () => rm(folder, { recursive: true, force: true });
}
