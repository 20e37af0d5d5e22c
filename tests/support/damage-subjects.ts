/** Every kind of file of the cache, with work that needs it. Everything comes from servers on this machine. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { knownSpeeds, rememberCost, rememberedCosts, rememberSpeed } from "../../src/advise/recommend/network-cost.ts";
import { usageError } from "../../src/base/errors.ts";
import { createRandom } from "../../src/base/random.ts";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { loadFixture } from "../../src/formats/tflite/testing.ts";
import { openTestHub } from "../../src/hub/huggingface/testing.ts";
import { fetchNpmFiles } from "../../src/hub/npm/npm-fetch.ts";
import { openTestRegistry, tarballOf } from "../../src/hub/npm/testing.ts";
import { define } from "../../src/networks/architectures/architecture-registry.ts";
import { freshWeights } from "../../src/networks/architectures/definition-weights.ts";
import { type EntryFrom, findCatalogueEntry } from "../../src/networks/catalogue/catalogue.ts";
import type { Network } from "../../src/networks/network.ts";
import { openNpmNetwork } from "../../src/networks/npm-network.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { preprocessingPresets } from "../../src/networks/preprocessing/preprocessing.ts";
import { encodeModel } from "../../src/onnx/codec/write-model.ts";
import { createThumbnails } from "../../src/studio/project/thumbnails.ts";
import { groupsOfExamples } from "../../src/train/features/known-copies.ts";
import { openTraitCache } from "../../src/train/features/trait-cache.ts";
import { readCheckpoint, writeCheckpoint } from "../../src/train/finetune/checkpoint.ts";
import type { TrainingState } from "../../src/train/finetune/training-loop.ts";
import { train } from "../../src/train/train-dataset.ts";
import type { Subject } from "./damage.ts";
import { tinyNetwork } from "./network.ts";
import { writeShapes } from "./pictures.ts";

const digest = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

const digestOf = ({ model, sha256 }: Network): string =>
  digest(sha256, ...[...model.graph.initializers.values()].map(({ bytes }) => bytes));

export interface Subjects {
  readonly subjects: readonly Subject[];
  /** Opens the network of npm, and that of the hub. */
  readonly openConverted: (offline?: boolean) => Promise<Network>;
  readonly openFromHub: (offline?: boolean) => Promise<Network>;
  readonly close: () => Promise<void>;
}

/**
 * The subjects, with a cache in `work`. Sets `GRAFT_CACHE`, `HF_ENDPOINT` and npm's registry for this process; `close` puts
 * them back.
 */
export async function openSubjects(work: string): Promise<Subjects> {
  const [hub, registry] = [await openTestHub(), await openTestRegistry()];
  const cache = join(work, "cache");
  const wanted: Record<string, string> = {
    GRAFT_CACHE: cache,
    HF_ENDPOINT: hub.url,
    HF_HUB_CACHE: join(work, "python"),
    npm_config_registry: registry.url,
    npm_config_cache: join(work, "npm-cache"),
  };
  const before = Object.fromEntries(Object.keys(wanted).map((name) => [name, process.env[name]]));
  Object.assign(process.env, wanted);

  mkdirSync(cache, { recursive: true });
  const file = join(work, "tiny.onnx");
  writeFileSync(file, tinyNetwork(1, 1));
  // With a validation folder, one training tunes the network; without it, several would, for each damage.
  const images = join(work, "images");
  await writeShapes(join(images, "train"), { circle: 10, square: 10 }, 1, 32);
  await writeShapes(join(images, "val"), { circle: 4, square: 4 }, 2, 32);
  const dataset = await discoverDataset(images);
  const trained = async (unfreeze?: string): Promise<string> => {
    const network = await openNetwork(file, { preprocessing: "imagenet" });
    const finetune = unfreeze === undefined ? {} : { finetune: { unfreeze, epochs: 2 } };
    const { artifact } = await train({ dataset, network, seed: 1, ...finetune });
    return digest(...encodeModel(artifact));
  };

  const spec = registry.publish(
    "net",
    "1.0.0",
    tarballOf([
      { path: "package/model.tflite", content: loadFixture("float16").model },
      { path: "package/notes.txt", content: "notes" },
    ]),
  );
  const entry: EntryFrom<"npm"> = {
    ...{ name: "net", family: "test", description: "A test.", licence: "MIT" },
    source: { kind: "npm", package: spec, format: { kind: "tflite", file: "model.tflite" }, cut: "features" },
    preprocessing: {
      ...{ size: 32, fit: { kind: "stretch" }, interpolation: "bilinear", layout: "nchw" },
      ...preprocessingPresets.inception,
    },
    ...{ inputSize: 32, features: 8, parameters: 1, multiplyAdds: 1, download: 1 },
  };

  const hubName = "mobilenetv3_small_050";
  const source = findCatalogueEntry(hubName)!.source as EntryFrom<"hub">["source"];
  const weights = join(work, "weights.safetensors");
  await writeSafetensors(weights, freshWeights(define(hubName), createRandom(3)));
  hub.publish(source.repo, source.file, readFileSync(weights), "large");
  const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] };
  const crop = { crop_pct: 0.875, crop_mode: "center", interpolation: "bicubic" };
  const pretrained = { input_size: [3, 224, 224], ...crop, ...normalisation };
  const config = { architecture: hubName, num_classes: 1000, pretrained_cfg: pretrained };
  hub.publish(source.repo, "config.json", Buffer.from(JSON.stringify(config)), "small");

  const picture = { path: dataset.examples[0]!.path, sha256: createHash("sha256") };
  const key = picture.sha256.update(readFileSync(picture.path)).digest();
  const cost = {
    ...{ name: "tiny", sha256: "a", cut: "features", latencyMs: 20, p95LatencyMs: 30 },
    ...{ memoryBytes: 1e8, imagesPerSecond: 50, overallPerSecond: 40 },
  };
  const identity = { network: "a" };
  const state = {
    ...{ step: 3, history: [{ epoch: 1, loss: 1, validationAccuracy: 0.5 }] },
    held: new Map([["w", Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i))]]),
    best: { epoch: 1, weights: new Map([["w", Float32Array.from([1, 2, 3])]]) },
    logits: [Float32Array.of(4, 5)],
  } as unknown as TrainingState;
  const choices = { tensor: "x", stored: "float16", views: 1, learningRate: 0.1 };
  const checkpoint = join(work, "checkpoints", "checkpoint.safetensors");
  mkdirSync(join(work, "checkpoints"));
  await writeCheckpoint(checkpoint, identity, { choices, state, done: [[Float32Array.of(6), Float32Array.of(7)]] });
  const thumbnails = createThumbnails(join(work, "thumbnails"));
  mkdirSync(join(work, "thumbnails"));

  const inCache = (kind: string, isOwn: Subject["isOwn"], use: Subject["use"]): Subject => {
    return { kind, folder: cache, isOwn, use };
  };
  const under =
    (folder: string, ending = "") =>
    (path: string): boolean =>
      path.startsWith(`${folder}/`) && path.endsWith(ending);
  const subjects: Subject[] = [
    inCache("features", under("features"), () => trained()),
    inCache("boundary", under("boundary"), () => trained("1")),
    inCache("traits", under("traits"), async () => {
      const traits = await openTraitCache();
      try {
        return JSON.stringify(await traits.traitsOf([{ path: picture.path, sha256: key }]));
      } finally {
        traits.close();
      }
    }),
    inCache("copies", under("copies"), async () => JSON.stringify([...(await groupsOfExamples(dataset.examples))])),
    inCache("networks", under("networks"), async () => digestOf(await openNpmNetwork(entry, {}))),
    inCache("npm", under("npm"), async () => {
      const [path] = (await fetchNpmFiles(spec, ["model.tflite"])).values();
      return digest(readFileSync(path!));
    }),
    inCache("huggingface", under("huggingface"), async () => digestOf(await openNetwork(hubName))),
    inCache("speeds", under("speeds"), async () => {
      // Of this machine, or measured again: what must not be is another number.
      if ((await knownSpeeds()).get("resnet50") === undefined) await rememberSpeed("resnet50", 500, 40);
      return JSON.stringify([...(await knownSpeeds())]);
    }),
    inCache("costs", under("costs"), async () => {
      if ((await rememberedCosts()).length === 0) await rememberCost(cost);
      return JSON.stringify(await rememberedCosts());
    }),
    {
      kind: "thumbnails",
      folder: join(work, "thumbnails"),
      isOwn: () => true,
      use: async () => digest((await thumbnails.get(picture.path, "tile")).bytes),
    },
    {
      kind: "checkpoints",
      folder: join(work, "checkpoints"),
      isOwn: () => true,
      mayFail: true,
      async use() {
        const read = await readCheckpoint(checkpoint, identity);
        if (!read) throw usageError("There is no checkpoint.");
        const { held, last, best, logits, ...rest } = read.state;
        const candidates = [last, best].flatMap((one) => one ?? []);
        return digest(
          JSON.stringify([read.choices, rest, candidates.map((one) => ({ ...one, weights: [] }))]),
          ...[held, ...candidates.map(({ weights }) => weights)]
            .flatMap((weights) => [...weights.values()])
            .concat(logits, ...read.done)
            .map((one) => new Uint8Array(one.buffer)),
        );
      },
    },
  ];
  // Everything is there before anything is damaged.
  for (const { use } of subjects) await use();
  return {
    subjects,
    openConverted: (offline) => openNpmNetwork(entry, { offline }),
    openFromHub: (offline) => openNetwork(hubName, { offline }),
    async close() {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await Promise.all([hub.close(), registry.close()]);
    },
  };
}
