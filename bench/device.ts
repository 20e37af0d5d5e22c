/**
 * Bench `device`: the processor against the graphics card that is there, through ONNX Runtime's WebGPU provider: how far the card runs
 * forward passes and training steps without the processor, how fast, how far apart the numbers are; PyTorch on the same card beside
 * it. Every figure is taken in a process of its own (device/).
 */
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { writeSafetensors } from "../src/formats/safetensors.ts";
import { define } from "../src/networks/architectures/architecture-registry.ts";
import { freshWeights } from "../src/networks/architectures/definition-weights.ts";
import { eachLine, type Line } from "./device/lines.ts";
import { placementBy } from "./device/placement.ts";
import { powerMeter } from "./device/power.ts";
import { report } from "./device/report.ts";
import { networks as stagesOf } from "./finetune.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { PYTHON, pythonPackages } from "./support/python.ts";
import { ROOT } from "./support/shared.ts";

const PARTS = ["placement", "forward", "training", "profile"] as const;
type Part = (typeof PARTS)[number];

/** Ways to run steps on a card, see device/worker.ts; the processor has the first only. */
const WAYS = ["trainer", "kept", "fitted", "resident"] as const;

/** Measures and prints. */
export async function benchDevice(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, {
    networks: Object.keys(stagesOf).join(","),
    parts: PARTS.join(","),
    batches: "1,8,32,64",
    batch: 32,
    ways: WAYS.join(","),
    seconds: 3,
    /** Without a word for this long, what runs is given up. */
    patience: 120,
    sides: "webgpu,cpu,pytorch",
    /** JSON: options of the provider. */
    options: "{}",
    /** A file to which every figure is appended as a line of JSON as soon as it is there. */
    lines: "",
  });
  const parts = flags.parts.split(",") as Part[];
  const sides = flags.sides.split(",");
  const provider = JSON.stringify({ name: "webgpu", ...(JSON.parse(flags.options) as object) });
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const power = powerMeter();
  const lines: Line[] = [];
  const keep = async (line: Line): Promise<void> => {
    lines.push(line);
    if (flags.lines) await appendFile(flags.lines, `${JSON.stringify(line)}\n`);
  };
  const own = (script: string, ...args: string[]): string[] => [
    "--import",
    "tsx",
    join(ROOT, "bench", "device", `${script}.ts`),
    ...args,
  ];
  /** Runs jobs on a side; what fails is a line too. */
  const measure = async (side: string, network: string, program: string, args: string[], jobs: string[]) => {
    const taken: Promise<void>[] = [];
    const take = (line: Line): void => {
      const watts = power.between(Number(line.began), Number(line.ended));
      taken.push(keep({ side, network, ...line, ...(watts === undefined ? {} : { watts }) }));
    };
    const failure = await eachLine(program, [...args, ...jobs], take, flags.patience);
    await Promise.all(taken);
    if (failure === undefined) return;
    await keep({ side, network, failed: jobs, failure });
    console.log(`${side}, ${network}, ${jobs.join(" ")}: ${failure}`);
  };
  console.log(`device: ${flags.seconds} s a measurement, training in batches of ${flags.batch}`);
  console.log(machine());
  try {
    // Where it fails, the answer is no.
    await eachLine(process.execPath, own("float16", provider), (line) => lines.push(line), flags.patience);
    const hasFloat16 = lines.some(({ float16 }) => float16 === true);
    const precision = hasFloat16 ? "float16" : "float32";
    console.log(
      `The card computes in half precision: ${hasFloat16 ? "yes" : "no"}. The freeze boundary is ${precision}.`,
    );
    for (const network of flags.networks.split(",")) {
      const last = stagesOf[network]?.last;
      if (last === undefined) throw new Error(`There are no stages for "${network}".`);
      const weights = join(folder, `${network}.safetensors`);
      await writeSafetensors(weights, freshWeights(define(network), createRandom(0)));
      const forwards = flags.batches.split(",").map((batch) => `forward:${batch}`);
      const stages = [last, "all"];
      const run = (side: string, jobs: string[]): Promise<void> => {
        const chosen = side === "cpu" ? "cpu" : provider;
        const args = own("worker", chosen, network, weights, precision, `${flags.seconds}`);
        return measure(side, network, process.execPath, args, jobs);
      };
      if (parts.includes("placement"))
        for (const what of ["forward", ...stages])
          for (const way of what === "forward" ? [""] : ["step", "fitted"]) {
            const placed = await placementBy(
              process.execPath,
              own("place", provider, network, weights, precision, what, way),
            );
            const nodes = Object.fromEntries(placed.nodes);
            await keep({
              side: "webgpu",
              network,
              placed: what,
              way,
              nodes,
              fallen: Object.fromEntries(placed.fallen),
              copies: placed.copies,
            });
          }
      for (const side of ["webgpu", "cpu"].filter((one) => sides.includes(one))) {
        if (parts.includes("forward")) await run(side, forwards);
        for (const stage of stages) {
          // Of everything, what is stored is pixels, which are few bytes.
          const chosen = flags.ways.split(",").filter((way) => way !== "resident" || stage !== "all");
          const ways = side === "cpu" ? ["trainer"] : chosen;
          if (parts.includes("training")) for (const way of ways) await run(side, [`${stage}:${flags.batch}:${way}`]);
          if (parts.includes("profile") && side === "webgpu") await run(side, [`${stage}:${flags.batch}:profile`]);
        }
      }
      if (sides.includes("pytorch") && (await hasPeer())) {
        const jobs = [
          ...(parts.includes("forward") ? forwards : []),
          ...(parts.includes("training") ? [`last:${flags.batch}`, `all:${flags.batch}`] : []),
        ];
        const script = join(ROOT, "bench", "peers", "torch_device.py");
        await measure("pytorch", network, PYTHON, [script, network, `${flags.seconds}`], jobs);
      }
    }
  } finally {
    power.stop();
    await rm(folder, { recursive: true, force: true });
  }
  report(lines);
}

const hasPeer = async (): Promise<boolean> => {
  const found = await pythonPackages(["torch", "timm"]);
  return found.torch !== undefined && found.timm !== undefined;
};
