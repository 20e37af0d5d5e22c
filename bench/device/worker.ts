/**
 * Graft's figures on one provider, in a process of its own:
 *
 *     node --import tsx bench/device/worker.ts PROVIDER ARCH FILE.safetensors float16|float32 SECONDS JOB…
 *
 * A JOB is `forward:BATCH`, or `STAGE:BATCH:WAY` for training steps from that stage on, the frozen part's outputs stored in that
 * precision. WAY: `trainer` (as the trainer runs them now), `kept` (weights and state stay on the card), `fitted` (`kept`, and the
 * graph rewritten for cards), `profile` (`fitted`, once, and where the card's time goes). Prints one JSON object a job.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backboneModel, FEATURES, measureCut, PIXELS } from "../../src/networks/backbone/backbone.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { dataTypeOf } from "../../src/onnx/codec/tensor-proto.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import { float32Tensor, type Graph, type Model, modelOf, node, type Value } from "../../src/onnx/model.ts";
import { openModel } from "../../src/onnx/session/mapped-model.ts";
import type { ort, Session } from "../../src/onnx/session/session.ts";
import { inferKnownShapes } from "../../src/onnx/session/shapes.ts";
import { freshlyHeld } from "../../src/train/finetune/step-runner.ts";
import { STORED } from "../../src/train/finetune/trainable-part.ts";
import { type MadeUpTraining, madeUpTraining } from "../support/made-up-training.ts";
import { forCards } from "./for-cards.ts";
import { keptSteps } from "./kept-steps.ts";
import { useProvider } from "./provider.ts";

/** Steps of one run, as the trainer takes them. */
const AT_ONCE = 4;
/** How many of a step's losses are printed, to be compared with another provider's. */
const LOSSES = 3;
const RATE = 1e-4;
/** Batches that `resident` keeps on the card. */
const RESIDENT_BATCHES = 8;
const [BYTES, RESIDENT, ROWS] = ["bytes", "resident", "rows"] as const;

const [provider = "cpu", architecture = "", weights = "", precision = "", length = "3", ...jobs] =
  process.argv.slice(2);
const stored = precision === "float16" ? "float16" : "float32";
const milliseconds = Number(length) * 1000;
const runtime = await useProvider(provider);
const network = await openNetwork(architecture, { weights });

for (const job of jobs) {
  const [what = "", size = "1", way = ""] = job.split(":");
  const batch = Number(size);
  const figures =
    what === "forward"
      ? await forward(batch, way)
      : way === "trainer"
        ? await trainer(what, batch)
        : await kept(what, batch, way);
  console.log(JSON.stringify({ job, ...figures }));
}

/** Does `once` over and over; the time of each call in milliseconds, and when all began and ended (since 1970). */
async function timed(once: () => Promise<unknown>) {
  const times: number[] = [];
  const began = Date.now();
  while (times.length === 0 || Date.now() - began < milliseconds) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  return { times, began, ended: Date.now() };
}

function rate(images: number, times: readonly number[]): number {
  return (1000 * images * times.length) / times.reduce((sum, time) => sum + time, 0);
}

async function forward(batch: number, way: string) {
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const whole = backboneModel(network, await measureCut(network));
  const isBytes = way === "bytes";
  const session = await openModel(
    isBytes ? { ...whole, graph: ofBytes(whole.graph) } : whole,
    way === "profile" ? { profile: join(folder, "profile-") } : {},
  );
  const { size } = network.preprocessing;
  const wave = (i: number): number => Math.cos(0.37 * i);
  const length = batch * 3 * size * size;
  const data = isBytes
    ? Uint8Array.from({ length }, (_, i) => 128 + 100 * wave(i))
    : Float32Array.from({ length }, (_, i) => wave(i));
  const fed = { [isBytes ? BYTES : PIXELS]: { dims: [batch, 3, size, size], data } };
  const once = async () => (await session.run(fed))[FEATURES]!.data as Float32Array;
  const start = performance.now();
  const features = await once();
  const firstMs = performance.now() - start;
  const { times, began, ended } = await timed(once);
  await session.close();
  const shares = way === "profile" ? await cardShares(folder) : undefined;
  await rm(folder, { recursive: true, force: true });
  return {
    ...(shares ?? { images_per_second: rate(batch, times), began, ended }),
    first_ms: firstMs,
    // Of the first image only: all have the same kind of pixels.
    features: [...features.subarray(0, features.length / batch)],
  };
}

/** The same network of pixels from 0 to 255 in a byte each: a quarter of the way to the card. */
function ofBytes(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, name: BYTES, type: "uint8" })),
    nodes: [
      node("Cast", [BYTES], ["floats"], { to: dataTypeOf.float32 }),
      node("Mul", ["floats", "scale"], [PIXELS]),
      ...graph.nodes,
    ],
    initializers: new Map([...graph.initializers, ["scale", float32Tensor([], Float32Array.of(1 / 128))]]),
  };
}

/** Steps as the trainer runs them today: everything goes there and comes back with each run. */
async function trainer(stage: string, batch: number) {
  const training = await madeUpTraining({ network, stage, batch, stored });
  const { engine, feeds } = training;
  const rates = (count: number): number[] => Array(count).fill(RATE);
  const start = performance.now();
  const first = await engine.run(freshlyHeld(engine.step, engine.own), feeds, rates(LOSSES), 1);
  const firstMs = performance.now() - start;
  let held = first.held;
  let done = LOSSES;
  const { times, began, ended } = await timed(async () => {
    held = (await engine.run(held, feeds, rates(AT_ONCE), 1 + done)).held;
    done += AT_ONCE;
  });
  await training.close();
  return { images_per_second: rate(batch * AT_ONCE, times), first_ms: firstMs, began, ended, losses: first.losses };
}

async function kept(stage: string, batch: number, way: string) {
  const models: Model[] = [];
  const open = async (model: Model): Promise<Session> => {
    models.push(model);
    return { inputs: [], outputs: [], declared: () => undefined, run: async () => ({}), close: async () => {} };
  };
  const training = await madeUpTraining({ network, stage, batch, stored, open });
  const { step, own } = training.engine;
  const { shapes } = await inferKnownShapes({ ...models[0]!, graph: step.graph });
  const graph = way === "kept" ? step.graph : forCards(step.graph, shapes);
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const steps = await keptSteps(runtime, {
    of: models[0]!,
    step,
    graph: way === "resident" ? ofResident(graph, batch) : graph,
    own,
    ...(way === "profile" ? { profile: join(folder, "profile-") } : {}),
  });
  const resident = way === "resident" ? await onCard(training.feeds, batch) : undefined;
  const feedsOf = (number: number) =>
    resident ? { ...training.feeds(0), ...resident(number) } : training.feeds(number);
  const losses: number[] = [];
  const start = performance.now();
  for (let number = 1; number <= LOSSES; number++) losses.push(await steps.run(feedsOf(number), RATE, number));
  const firstMs = performance.now() - start;
  let done = LOSSES;
  let reading = 0;
  const next = async (): Promise<unknown> => {
    const begin = performance.now();
    const batchOf = feedsOf(++done);
    reading += performance.now() - begin;
    return steps.run(batchOf, RATE, done);
  };
  const { times, began, ended } = way === "profile" ? { times: [], began: 0, ended: 0 } : await timed(next);
  await steps.close();
  await training.close();
  const shares = way === "profile" ? await cardShares(folder) : undefined;
  await rm(folder, { recursive: true, force: true });
  return {
    ...(shares ?? {
      images_per_second: rate(batch, times),
      reading_share: reading / (ended - began),
      began,
      ended,
    }),
    first_ms: firstMs,
    losses,
  };
}

/** Reads its batch out of all that is stored, by the numbers of its rows. */
function ofResident(graph: Graph, batch: number): Graph {
  const inputs = graph.inputs.flatMap((input): Value[] => {
    if (input.name !== STORED) return [input];
    const dims = [RESIDENT_BATCHES * batch, ...(input.dims ?? []).slice(1)];
    return [
      { ...input, name: RESIDENT, dims },
      { name: ROWS, type: "int32", dims: [batch] },
    ];
  });
  return { ...graph, inputs, nodes: [node("Gather", [RESIDENT, ROWS], [STORED], { axis: 0 }), ...graph.nodes] };
}

/** Brings some batches to the card's memory once; the feeds of a step are then those and the numbers of its rows. */
async function onCard(feeds: MadeUpTraining["feeds"], batch: number) {
  const { ort, providers } = runtime;
  const first = feeds(0)[STORED]!;
  const all = new Uint16Array(RESIDENT_BATCHES * first.data.length);
  for (let at = 0; at < RESIDENT_BATCHES; at++) all.set(feeds(at)[STORED]!.data as Uint16Array, at * first.data.length);
  const dims = [RESIDENT_BATCHES * batch, ...first.dims.slice(1)];
  const value = { type: "float16", dims } as const;
  const copy = modelOf({
    name: "copy",
    nodes: [node("Max", ["x", "x"], ["y"])],
    inputs: [{ ...value, name: "x" }],
    outputs: [{ ...value, name: "y" }],
    initializers: new Map(),
  });
  const session = await ort.InferenceSession.create(encodeModelWhole(copy), {
    executionProviders: [...(providers ?? [])],
    preferredOutputLocation: "gpu-buffer",
  });
  const { y } = await session.run({ x: new ort.Tensor("float16", all, dims) });
  return (number: number) => ({
    [RESIDENT]: y as ort.Tensor,
    [ROWS]: new ort.Tensor(
      "int32",
      Int32Array.from({ length: batch }, (_, i) => (number % RESIDENT_BATCHES) * batch + i),
      [batch],
    ),
  });
}

interface Event {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly shapes?: string };
}

/** Where the card's time goes in the last run of a profile: its programs by operator, milliseconds and how many. */
async function cardShares(folder: string) {
  const [file] = await readdir(folder);
  const events = JSON.parse(await readFile(join(folder, file!), "utf8")) as readonly Event[];
  const programs = events.filter(({ cat }) => cat === "Api");
  const runs = events.filter(({ name }) => name === "model_run").length;
  const last = programs.slice(-Math.round(programs.length / runs));
  const own = new Map<string, { ms: number; count: number }>();
  for (const { name, dur } of last) {
    const [, op = "", program = ""] = name.split("&");
    const key = op === program ? op : `${op}/${program}`;
    const { ms, count } = own.get(key) ?? { ms: 0, count: 0 };
    own.set(key, { ms: ms + dur / 1000, count: count + 1 });
  }
  return {
    programs: last.length,
    card_ms: last.reduce((sum, { dur }) => sum + dur / 1000, 0),
    run_ms: events.filter(({ name }) => name === "model_run").at(-1)!.dur / 1000,
    slowest: [...last]
      .sort((a, b) => b.dur - a.dur)
      .slice(0, 12)
      .map(
        ({ name, dur, args }) =>
          `${(dur / 1000).toFixed(2)} ms ${name.split("&").slice(1).join("/")} ${args?.shapes ?? ""}`,
      ),
    by_operator: Object.fromEntries([...own].sort(([, a], [, b]) => b.ms - a.ms).slice(0, 16)),
  };
}
