/**
 * Bench `finetune`: images a second and memory of a training step, Graft's and PyTorch's (`torch_transfer.py --mode finetune`),
 * with the same weights, in turn: the last stage with and without the boundary cache, and everything; and where Graft's time goes.
 */
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, ratios, spread, verdict } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { PYTHON, pythonPackages } from "./support/python.ts";
import { numberAt, type Run, runJson } from "./support/run.ts";
import { ROOT, shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

/** How the last stage and all of a network are called, here and in timm. */
interface Stages {
  readonly last: string;
  /** Beginnings of timm's parameter names. */
  readonly timmLast: string;
  readonly timmAll: string;
}

export const networks: Readonly<Record<string, Stages>> = {
  resnet50: { last: "layer4", timmLast: "layer4", timmAll: "conv1,bn1,layer1,layer2,layer3,layer4" },
  mobilenetv2_100: {
    last: "blocks.6",
    timmLast: "blocks.6,conv_head,bn2",
    timmAll: "conv_stem,bn1,blocks,conv_head,bn2",
  },
};

/** What is measured: what trains, whether the frozen part's outputs are stored, and the required multiple of PyTorch's rate. */
const ways = [
  { name: "last stage, no cache", trains: "last", cache: "off", bar: 1.3 },
  { name: "last stage, boundary cache", trains: "last", cache: "auto", bar: 3 },
  { name: "everything", trains: "all", cache: "auto", bar: 1 },
] as const;

const NEEDED = ["torch", "timm", "safetensors", "scikit-learn"];

/** Measures and prints. */
export async function benchFinetune(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, {
    networks: Object.keys(networks).join(","),
    batch: 16,
    seconds: 8,
    images: 192,
    repeat: 3,
  });
  const found = await pythonPackages(NEEDED);
  const missing = NEEDED.filter((name) => found[name] === undefined);
  if (missing.length > 0)
    throw new Error(
      `${PYTHON} lacks ${missing.join(", ")}, and the weights are made by it: install as ../shared/peers/README.md says and name that Python in GRAFT_PEER_PYTHON.`,
    );
  console.log(`finetune: batch ${flags.batch}, fp32, ${flags.repeat} of each side in turn`);
  console.log(machine());
  console.log(
    `Peer: torch ${found.torch}, timm ${found.timm}, channels_last; ${flags.images} pictures of pollen, one epoch`,
  );
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    const data = await someOf(shared("datasets", "pollen"), join(folder, "data"), flags.images);
    for (const network of flags.networks.split(",")) {
      const stages = networks[network];
      if (!stages) throw new Error(`There are no stages for "${network}": give ${Object.keys(networks).join(", ")}.`);
      await compare(network, stages, data, join(folder, `${network}.safetensors`), flags);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Links to the first images of a dataset, alike from each class; few to test on. */
async function someOf(dataset: string, to: string, images: number): Promise<string> {
  for (const [split, wanted] of Object.entries({ train: images, test: 16 })) {
    const classes = await readdir(join(dataset, split));
    for (const name of classes) {
      await mkdir(join(to, split, name), { recursive: true });
      const files = (await readdir(join(dataset, split, name))).sort().slice(0, Math.ceil(wanted / classes.length));
      for (const file of files) await symlink(join(dataset, split, name, file), join(to, split, name, file));
    }
  }
  return to;
}

interface Flags {
  readonly batch: number;
  readonly seconds: number;
  readonly repeat: number;
}

async function compare(
  network: string,
  stages: Stages,
  data: string,
  weights: string,
  { batch, seconds, repeat }: Flags,
): Promise<void> {
  await runJson(PYTHON, [join(ROOT, "bench", "peers", "torch_forward.py"), network, weights, "--save"]);
  const script = shared("peers", "torch_transfer.py");
  const peer = (trains: "last" | "all", ...more: string[]): Promise<Run> => {
    const unfreeze = trains === "last" ? stages.timmLast : stages.timmAll;
    const settings = ["--epochs", "1", "--batch", `${batch}`, "--unfreeze", unfreeze, ...more];
    return runJson(PYTHON, [script, data, "--mode", "finetune", "--arch", network, "--weights", weights, ...settings]);
  };
  const own = ({ trains, cache }: (typeof ways)[number], ...more: string[]): Promise<Run> => {
    const stage = trains === "last" ? stages.last : "all";
    const worker = ["--import", "tsx", join(ROOT, "bench", "finetune", "worker.ts")];
    return runJson(process.execPath, [...worker, network, weights, stage, cache, `${batch}`, `${seconds}`, ...more]);
  };
  const runs = ways.map(() => [] as Run[]);
  const peers: Record<"last" | "all" | "bf16", Run[]> = { last: [], all: [], bf16: [] };
  for (let turn = 0; turn < repeat; turn++) {
    peers.last.push(await peer("last"));
    for (const [at, way] of ways.entries()) {
      if (way.trains === "all") peers.all.push(await peer("all"));
      runs[at]!.push(await own(way));
    }
    peers.bf16.push(await peer("last", "--bf16"));
  }
  const rateOf = (side: readonly Run[], key: string): number[] => side.map(({ json }) => numberAt(json, key));
  const peerRate = (side: readonly Run[]): number[] => rateOf(side, "step_images_per_second");
  const memory = (side: readonly Run[]): string =>
    `${Math.round(median(side.map(({ json, peakBytes }) => numberAt({ ...json, peakBytes }, "peakBytes"))) / 1e6)} MB`;
  const rows = ways.map(({ name, trains, bar }, at) => {
    const rates = rateOf(runs[at]!, "images_per_second");
    const faster = ratios(rates, peerRate(peers[trains]));
    return [
      name,
      spread(rates),
      spread(peerRate(peers[trains])),
      spread(faster, "×"),
      verdict(faster, bar),
      memory(runs[at]!),
      memory(peers[trains]),
    ];
  });
  const cached = rateOf(runs[1]!, "images_per_second");
  rows.push([
    "last stage, cache; PyTorch in bf16",
    spread(cached),
    spread(peerRate(peers.bf16)),
    spread(ratios(cached, peerRate(peers.bf16)), "×"),
  ]);
  printTable(`${network}: training steps, images/s, median (min–max); ratios of runs in turn`, [
    ["", "Graft", "PyTorch", "Graft is faster", "", "peak memory", "PyTorch's"],
    ...rows,
  ]);
  const profiles = [];
  for (const way of ways) profiles.push(await own(way, "profile"));
  printTable("Where Graft's time goes: share of the operators' time", [
    ways.map(({ name }) => name),
    ...sharesByRank(profiles.map(({ json }) => json.shares as Readonly<Record<string, number>>)),
  ]);
}

/** Operators that take 1% or more, most first, a column a way. */
function sharesByRank(shares: readonly Readonly<Record<string, number>>[]): string[][] {
  const columns = shares.map((of) =>
    Object.entries(of)
      .filter(([, share]) => share >= 0.01)
      .map(([name, share]) => `${(100 * share).toFixed(0)}% ${name}`),
  );
  const most = Math.max(...columns.map(({ length }) => length));
  return Array.from({ length: most }, (_, row) => columns.map((column) => column[row] ?? ""));
}
