/**
 * Bench `serve`: `graft serve` under load, beside what a bare loop reaches on the same images with the same artifact, and beside
 * FastAPI + uvicorn + ONNX Runtime. Servers share the cores with the load generator; the bare loops have them to themselves.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { buildArtifact } from "../src/model/artifact-graph.ts";
import { permissiveUncertainty } from "../src/model/testing.ts";
import { measureCut } from "../src/networks/backbone/backbone.ts";
import { openNetwork } from "../src/networks/open.ts";
import { encodeModelWhole } from "../src/onnx/codec/write-model.ts";
import { jpegsOf, type Load, type Served, underLoad } from "./serve/served.ts";
import { median, ratios, spread, verdict } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { installHint, PYTHON, pythonPackages } from "./support/python.ts";
import { numberAt, runJson } from "./support/run.ts";
import { ROOT, shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const CLI = join(ROOT, "dist", "cli", "main.js");
const NEEDED = ["fastapi", "uvicorn", "python-multipart", "onnxruntime", "uvloop", "httptools"];
const CORES = availableParallelism();

/** How a bare loop is run: decodings ahead, threads of a run, processes side by side. */
const bareWays = [
  { what: "one thing after the other", ahead: 1, threads: 0, processes: 1 },
  { what: "decoding ahead on every core", ahead: CORES, threads: 0, processes: 1 },
  { what: "a loop of its own on every core", ahead: 1, threads: 1, processes: CORES },
] as const;

const peerWays = [
  { what: "FastAPI, one process", args: [] },
  { what: `FastAPI, ${CORES} workers of one thread`, args: ["--workers", `${CORES}`, "--threads", "1"] },
] as const;

/** Measures and prints. */
export async function benchServe(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, { data: "flowers", clients: 32, seconds: 60, repeat: 1, options: "" });
  if (!existsSync(CLI)) throw new Error("There is no dist/cli/main.js to measure: run `npm run build` first.");
  const found = await pythonPackages(NEEDED);
  const missing = NEEDED.filter((name) => found[name] === undefined);
  console.log(`serve: MobileNetV2 1.0 at 224 px, ${flags.data}, ${flags.clients} clients, ${flags.seconds} s a server`);
  console.log(machine());
  if (missing.length > 0) console.log(installHint(missing));
  else console.log(`Peer: ${NEEDED.map((name) => `${name} ${found[name]}`).join(", ")}`);
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    const model = await writeArtifact(folder);
    const load: Load = { folder: await pictures(flags.data, folder), clients: flags.clients, seconds: flags.seconds };
    const options = flags.options.split(" ").filter(Boolean);
    const bare: number[][] = bareWays.map(() => []);
    const own: Served[] = [];
    const peers: Served[][] = peerWays.map(() => []);
    for (let run = 0; run < flags.repeat; run++) {
      for (const [i, way] of bareWays.entries())
        bare[i]!.push(await bareRate(way, model, load.folder, flags.seconds / 4));
      own.push(await serveGraft(model, options, load));
      if (missing.length > 0) continue;
      for (const [i, { args }] of peerWays.entries()) peers[i]!.push(await servePeer(model, args, load));
    }
    report(bare, own, missing.length > 0 ? [] : peers);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** MobileNetV2 with a head of random weights: what it answers does not matter here. */
async function writeArtifact(folder: string): Promise<string> {
  const file = shared("networks", "mobilenet_v2_100_224.onnx");
  const network = await openNetwork(file, { preprocessing: "inception" });
  const shape = await measureCut(network);
  const classes = ["daisy", "dandelion", "roses", "sunflowers", "tulips"];
  const random = createRandom(0);
  const head = {
    weights: Float32Array.from({ length: classes.length * shape.features }, () => 0.1 * (random.next() - 0.5)),
    bias: new Float32Array(classes.length),
  };
  const artifact = buildArtifact({
    ...{ network, shape, head, classes, temperature: 1, graftVersion: "bench" },
    ...permissiveUncertainty(shape.features),
  });
  const path = join(folder, "bench.onnx");
  await writeFile(path, encodeModelWhole(artifact));
  return path;
}

/** A hundred images of a dataset's test part, in one folder. */
async function pictures(data: string, folder: string): Promise<string> {
  const to = join(folder, "pictures");
  await mkdir(to);
  const files = await jpegsOf(shared("datasets", data, "test"));
  const few = files.filter((_, i) => i % Math.ceil(files.length / 100) === 0);
  for (const [i, file] of few.entries()) await copyFile(file, join(to, `${i}-${basename(file)}`));
  return to;
}

async function bareRate(
  { ahead, threads, processes }: (typeof bareWays)[number],
  model: string,
  folder: string,
  seconds: number,
): Promise<number> {
  const args = [join(ROOT, "bench", "serve", "bare.ts"), model, folder, `${ahead}`, `${threads}`, `${seconds}`];
  const loop = async (): Promise<number> => {
    const { json } = await runJson(process.execPath, ["--import", "tsx", ...args]);
    return numberAt(json, "images") / numberAt(json, "seconds");
  };
  const rates = await Promise.all(Array.from({ length: processes }, loop));
  return rates.reduce((sum, rate) => sum + rate, 0);
}

async function serveGraft(model: string, options: readonly string[], load: Load): Promise<Served> {
  const port = await freePort();
  const args = [CLI, "serve", model, "--port", `${port}`, ...options];
  return underLoad(process.execPath, args, `http://127.0.0.1:${port}`, load);
}

async function servePeer(model: string, args: readonly string[], load: Load): Promise<Served> {
  const port = await freePort();
  const script = join(ROOT, "bench", "peers", "fastapi_serve.py");
  return underLoad(PYTHON, [script, model, "--port", `${port}`, ...args], `http://127.0.0.1:${port}`, load);
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

const rates = (runs: readonly Served[]): number[] => runs.map(({ perSecond }) => perSecond);

/** The row whose median is highest. */
const best = <T>(rows: readonly T[], values: (row: T) => readonly number[]): T =>
  rows.reduce((top, row) => (median(values(row)) > median(values(top)) ? row : top));

function report(bare: readonly number[][], own: readonly Served[], peers: readonly Served[][]): void {
  printTable("Bare loops: decode + ONNX Runtime, no server, nothing else on the machine", [
    ["", "images/s"],
    ...bareWays.map(({ what }, i) => [what, spread(bare[i]!)]),
  ]);
  const row = (what: string, runs: readonly Served[]): string[] => {
    const of = (pick: (run: Served) => number, unit = ""): string => spread(runs.map(pick), unit);
    const megabytes = (bytes: number): number => bytes / 1e6;
    return [
      what,
      of(({ perSecond }) => perSecond),
      of(({ p50Ms }) => p50Ms, " ms"),
      of(({ p99Ms }) => p99Ms, " ms"),
      of(({ memory }) => megabytes(memory.early), " MB"),
      of(({ memory }) => megabytes(memory.late), " MB"),
      of(({ generatorCores }) => generatorCores),
      String(runs.reduce((sum, { failed }) => sum + failed, 0)),
    ];
  };
  printTable("Servers under load, the generator beside them on the same cores", [
    ["", "requests/s", "p50", "p99", "memory, first quarter", "last quarter", "generator's cores", "failed"],
    row("graft serve", own),
    ...peerWays.flatMap(({ what }, i) => (peers[i] ? [row(what, peers[i])] : [])),
  ]);
  const fastestBare = best(bare, (values) => values);
  const share = ratios(rates(own), fastestBare);
  console.log(`\nOf the fastest bare loop: ${spread(share, "×")}; ${verdict(share, 0.8)}`);
  for (const [i, { what }] of peerWays.entries()) {
    if (!peers[i]) continue;
    const faster = ratios(rates(own), rates(peers[i]));
    console.log(`Against ${what}: ${spread(faster, "×")}; ${verdict(faster, 1.3)}`);
  }
}
