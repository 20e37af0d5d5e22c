/** Bench `audit`: what the audit finds of planted faults, how loud it is on the untouched set, and what it costs on many pictures. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPlanted } from "./audit/planted.ts";
import { measureScale } from "./audit/scale.ts";
import { readFlags, WrongFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";

const PARTS = ["all", "planted", "scale"];

/** Measures and prints. */
export async function benchAudit(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, { network: "", part: "all", seeds: 3, images: 10_000 });
  if (!PARTS.includes(flags.part)) throw new WrongFlags(`--part takes one of ${PARTS.join(", ")}.`);
  console.log(machine());
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    if (flags.part !== "scale") await findPlanted({ ...flags, folder });
    if (flags.part !== "planted") await measureScale({ ...flags, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
