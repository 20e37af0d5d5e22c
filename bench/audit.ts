/** Bench `audit`: how many planted faults the audit finds, how much it reports on the untouched set, and what it costs on many images. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findWrongLabels } from "./audit/labels.ts";
import { findPlanted } from "./audit/planted.ts";
import { measureScale } from "./audit/scale.ts";
import { readFlags, WrongFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";

const PARTS = ["all", "planted", "labels", "scale"];

/** Measures and prints. */
export async function benchAudit(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, { network: "", other: "", peer: "", part: "all", seeds: 3, images: 10_000 });
  if (!PARTS.includes(flags.part)) throw new WrongFlags(`--part takes one of ${PARTS.join(", ")}.`);
  console.log(machine());
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    if (["all", "planted", "labels"].includes(flags.part)) await findWrongLabels({ ...flags, folder });
    if (["all", "planted"].includes(flags.part)) await findPlanted({ ...flags, folder });
    if (["all", "scale"].includes(flags.part)) await measureScale({ ...flags, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
