/**
 * Bench `forward`: images a second, memory and loading time of a frozen network, Graft's and PyTorch's (channels_last) with
 * the same weights and the same input, each in a process of its own, in turn.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { define } from "../src/networks/architectures/architecture-registry.ts";
import { headless } from "../src/networks/weights/load-weights.ts";
import { multiplyAdds } from "../src/onnx/analysis/multiply-adds.ts";
import { modelOf } from "../src/onnx/model.ts";
import { inferShapes } from "../src/onnx/session/shapes.ts";
import { matrixProductRate } from "./forward/matrix-product.ts";
import { median, ratios, spread, verdict } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { PYTHON, pythonPackages } from "./support/python.ts";
import { numberAt, type Run, runJson } from "./support/run.ts";
import { ROOT } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

/** The required multiple of PyTorch's images per second. */
const bars: Readonly<Record<string, number>> = {
  resnet50: 1.5,
  inception_v3: 1.15,
  vgg16: 1.15,
  mobilenetv2_100: 2,
};
/** The longest that loading may take, in seconds, from a warm disk to the first answer. */
const loadBars: Readonly<Record<string, number>> = { resnet50: 2, vgg16: 6 };

const NEEDED = ["torch", "timm", "safetensors"];

/** Measures and prints. */
export async function benchForward(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, { networks: Object.keys(bars).join(","), batch: 16, seconds: 5, repeat: 3 });
  const networks = flags.networks.split(",");
  const found = await pythonPackages(NEEDED);
  const missing = NEEDED.filter((name) => found[name] === undefined);
  if (missing.length > 0)
    throw new Error(
      `${PYTHON} lacks ${missing.join(", ")}, and the weights are made by it: install as ../shared/peers/README.md says and name that Python in GRAFT_PEER_PYTHON.`,
    );
  console.log(`forward: batch ${flags.batch}, ${flags.seconds} s a measurement, ${flags.repeat} of each side in turn`);
  console.log(machine());
  console.log(`Peer: ${NEEDED.map((name) => `${name} ${found[name]}`).join(", ")}, channels_last, inference mode`);
  const peak = await matrixProductRate();
  console.log(`A plain product of large matrices reaches ${(peak / 1e9).toFixed(0)} G multiply-adds a second here.`);
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const speed: string[][] = [
    ["network", "Graft images/s", "PyTorch images/s", "Graft is faster", "", "of the product"],
  ];
  const rest: string[][] = [["network", "peak memory", "PyTorch's", "", "to first answer", "PyTorch's", "", "apart"]];
  try {
    for (const network of networks) {
      const { own, theirs, work } = await measure(network, join(folder, `${network}.safetensors`), flags);
      const rates = [own, theirs].map((runs) => runs.map(({ json }) => numberAt(json, "images_per_second")));
      const faster = ratios(rates[0]!, rates[1]!);
      speed.push([
        network,
        spread(rates[0]!),
        spread(rates[1]!),
        spread(faster, "×"),
        bars[network] ? verdict(faster, bars[network]) : "",
        `${((100 * median(rates[0]!) * work) / peak).toFixed(0)}%`,
      ]);
      rest.push([network, ...memory(own, theirs), ...loading(network, own, theirs), apart(own, theirs)]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  printTable("Forward, median (min–max); ratios of runs in turn", speed);
  printTable("Memory of the whole process, and loading from a warm disk", rest);
}

interface Measured {
  readonly own: readonly Run[];
  readonly theirs: readonly Run[];
  /** Multiply-adds of one image. */
  readonly work: number;
}

async function measure(
  network: string,
  file: string,
  { batch, seconds, repeat }: { batch: number; seconds: number; repeat: number },
): Promise<Measured> {
  const whole = define(network);
  const classifier = [...whole.parameters.keys()].filter((name) => name.startsWith(`${whole.classifier}.`));
  const { graph, inputSize, parameters } = headless(whole, classifier);
  const declared = [...parameters].map(([name, { dims }]) => ({ name, type: "float32", dims }) as const);
  const model = modelOf({ ...graph, inputs: [...graph.inputs, ...declared] });
  const work = multiplyAdds(graph, await inferShapes(model, { image: [1, 3, inputSize, inputSize] }));
  const script = join(ROOT, "bench", "peers", "torch_forward.py");
  const settings = ["--size", `${inputSize}`, "--batch", `${batch}`, "--seconds", `${seconds}`];
  await runJson(PYTHON, [script, network, file, ...settings, "--save"]);
  const worker = ["--import", "tsx", join(ROOT, "bench", "forward", "worker.ts")];
  const [own, theirs]: [Run[], Run[]] = [[], []];
  for (let run = 0; run < repeat; run++) {
    own.push(await runJson(process.execPath, [...worker, network, file, `${inputSize}`, `${batch}`, `${seconds}`]));
    theirs.push(await runJson(PYTHON, [script, network, file, ...settings]));
  }
  return { own, theirs, work };
}

const all = (runs: readonly Run[], key: string): number[] => runs.map(({ json }) => numberAt(json, key));

function memory(own: readonly Run[], theirs: readonly Run[]): string[] {
  const [mine, peers] = [median(all(own, "peak_bytes")), median(all(theirs, "peak_bytes"))];
  const words = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  return [words(mine), words(peers), `bar: not more: ${mine <= peers ? "met" : "missed"}`];
}

function loading(network: string, own: readonly Run[], theirs: readonly Run[]): string[] {
  const seconds = all(own, "load_seconds");
  const bar = loadBars[network];
  const met = bar === undefined ? "" : `bar < ${bar} s: ${median(seconds) < bar ? "met" : "missed"}`;
  return [spread(seconds, " s"), spread(all(theirs, "load_seconds"), " s"), met];
}

/** The largest difference of a feature, relative to the largest feature. */
function apart(own: readonly Run[], theirs: readonly Run[]): string {
  const [mine, peers] = [own[0]!.json.features as number[], theirs[0]!.json.features as number[]];
  const largest = Math.max(...peers.map(Math.abs));
  return (Math.max(...peers.map((value, i) => Math.abs(value - mine[i]!))) / largest).toExponential(0);
}
