/** Bench `head`: a linear probe, whole and in its parts, against the Python that does the same work. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareFits } from "./head/fits.ts";
import { compareTrains } from "./head/trains.ts";
import { readFlags, WrongFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { installHint, pythonPackages } from "./support/python.ts";

const DATASETS = ["pollen", "flowers", "sign-digits"];
const PARTS = ["all", "train", "fit"];
const NEEDED = ["torch", "timm", "scikit-learn", "pillow"];

/** Measures and prints. Runs of Graft and of the peer alternate. */
export async function benchHead(given: readonly string[]): Promise<void> {
  const { data, part, repeat } = readFlags(given, { data: "pollen", part: "all", repeat: 3 });
  if (!DATASETS.includes(data)) throw new WrongFlags(`--data takes one of ${DATASETS.join(", ")}.`);
  if (!PARTS.includes(part)) throw new WrongFlags(`--part takes one of ${PARTS.join(", ")}.`);
  const found = await pythonPackages(NEEDED);
  const missing = NEEDED.filter((name) => found[name] === undefined);
  console.log(`head: MobileNetV2 1.0 at 224 px, dataset ${data}, ${repeat} run(s) of each side in turn`);
  console.log(machine());
  if (missing.length > 0) console.log(installHint(missing));
  else console.log(`Peers: ${NEEDED.map((name) => `${name} ${found[name]}`).join(", ")}`);
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    const settings = { data, repeat, folder, withPeer: missing.length === 0 };
    if (part !== "fit") await compareTrains(settings);
    if (part !== "train") await compareFits(settings);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
