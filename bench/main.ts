/**
 * `npm run bench -- NAME`: measures the figures in the docs, each next to a competitor in the same run.
 * Only the table of benches lives here.
 */
// First of all: peers that use ONNX Runtime inherit what it sets.
import "../src/onnx/session/telemetry.ts";
import { messageOf } from "../src/base/errors.ts";
import { WrongFlags } from "./support/flags.ts";
import { isSharedHere, SHARED_ABSENT } from "./support/shared.ts";

interface Bench {
  readonly usage: string;
  readonly about: string;
  /** Prints its tables on stdout. */
  load(): Promise<(flags: readonly string[]) => Promise<void>>;
  /** Whether it runs without ../shared. */
  readonly needsNothing?: boolean;
}

const benches: Readonly<Record<string, Bench>> = {
  abuse: {
    usage: "abuse [--seconds 60] [--clients 8] [--seed 1]",
    about: "`graft serve` under random hostile requests: it lives, answers, stays within its memory, and ends",
    load: async () => (await import("./abuse.ts")).benchAbuse,
  },
  audit: {
    usage:
      "audit [--part all|planted|labels|scale] [--network NAME] [--other NAME|none] [--peer none] [--seeds 3] [--images 10000]",
    about: "precision and recall of the audit on planted faults, its findings on the untouched sets, its cost",
    load: async () => (await import("./audit.ts")).benchAudit,
  },
  advice: {
    usage:
      "advice [--part scores|recommend|compare] [--data flowers,…,position] [--networks A,B] [--budget 120] [--pictures 2000]",
    about: "transferability scores against the truth; recommend's pick and budget; compare's verdicts",
    load: async () => (await import("./advice.ts")).benchAdvice,
  },
  augment: {
    usage: "augment [--data flowers] [--images 100] [--views 4] [--repeat 3]",
    about: "augmented views/s on one thread, against torchvision",
    load: async () => (await import("./augment.ts")).benchAugment,
  },
  browser: {
    usage: "browser [--data flowers|pollen|sign-digits]",
    about: "a model's answers and training steps in Chromium against Node: how far apart, how fast",
    load: async () => (await import("./browser.ts")).benchBrowser,
  },
  head: {
    usage: "head [--data pollen|flowers|sign-digits] [--part all|train|fit] [--repeat 3]",
    about: "the whole `graft train` against PyTorch + timm, and the head's fit against scikit-learn",
    load: async () => (await import("./head.ts")).benchHead,
  },
  conformal: {
    usage: "conformal [--splits 20] [--network NAME]",
    about: "whether conformal sets hold the true class as often as they promise",
    load: async () => (await import("./conformal.ts")).benchConformal,
  },
  cuts: {
    usage: "cuts [--network resnet50] [--cuts A,B] [--data flowers,pollen] [--fits stretch,crop875]",
    about: "the accuracy of a linear probe at each cut of a network",
    load: async () => (await import("./cuts.ts")).benchCuts,
  },
  decode: {
    usage: "decode [--side 5000]",
    about: "memory and time that decoding takes, by format, beside what is estimated",
    load: async () => (await import("./decode.ts")).benchDecode,
  },
  device: {
    usage:
      "device [--networks A,B] [--parts placement,forward,training,profile] [--batches 1,8,32,64] [--batch 32] [--sides webgpu,cpu,pytorch]",
    about:
      "the graphics card against the processor and PyTorch: where the nodes are, forward and training images/s, watts",
    load: async () => (await import("./device.ts")).benchDevice,
    needsNothing: true,
  },
  effort: {
    usage: "effort [--networks A,B] [--data flowers,…] [--efforts quick,better] [--part all|gains|speed] [--repeat 3]",
    about: "what features chosen by cross-validation gain over the network's own cut, and what the choice costs",
    load: async () => (await import("./effort.ts")).benchEffort,
  },
  finetune: {
    usage: "finetune [--networks resnet50,mobilenetv2_100] [--batch 16] [--seconds 8] [--images 192] [--repeat 3]",
    about: "training steps/s and memory against PyTorch with the same weights, and the share of time per operator",
    load: async () => (await import("./finetune.ts")).benchFinetune,
  },
  forward: {
    usage: "forward [--networks resnet50,vgg16,…] [--batch 16] [--seconds 5] [--repeat 3]",
    about: "forward images/s, memory and loading of whole networks against PyTorch with the same weights",
    load: async () => (await import("./forward.ts")).benchForward,
  },
  integrity: {
    usage: "integrity [--part all|kills|damage] [--kills 200] [--flips 100] [--seed 1]",
    about: "kills processes that write runs, damages every kind of file of the cache; counts faults",
    load: async () => (await import("./integrity.ts")).benchIntegrity,
  },
  novelty: {
    usage: "novelty [--known flowers,pollen,sign-digits] [--network NAME]",
    about: "scores that tell pictures of something else: energy, Mahalanobis, nearest neighbours",
    load: async () => (await import("./novelty.ts")).benchNovelty,
  },
  quantised: {
    usage: "quantised [--networks resnet50,inception_v3,mobilenet] [--data flowers,pollen]",
    about: "accuracy and time of models in 8-bit integers, and of each format of ONNX Runtime's quantiser",
    load: async () => (await import("./quantised.ts")).benchQuantised,
  },
  scratch: {
    usage: "scratch [--data sign-digits] [--size 64] [--steps 200] [--batch 32] [--clip 5] [--peaks 0.05,0.2,0.8]",
    about: "which initial weights suit networks with folded batch norm that train from scratch",
    load: async () => (await import("./scratch.ts")).benchScratch,
  },
  serve: {
    usage: "serve [--data flowers] [--clients 32] [--seconds 60] [--repeat 1] [--options '--max-batch 4']",
    about: "`graft serve` under load, against a bare loop and FastAPI + uvicorn + ONNX Runtime",
    load: async () => (await import("./serve.ts")).benchServe,
  },
  shots: {
    usage: "shots [--data flowers,pollen,sign-digits] [--shots 1,2,5,10,20,50] [--seeds 5] [--network NAME]",
    about: "heads on few images a class, against scikit-learn's",
    load: async () => (await import("./shots.ts")).benchShots,
  },
  storage: {
    usage: "storage [--data pollen] [--unfreeze 2] [--seeds 3] [--epochs 15]",
    about: "accuracy of fine-tuning from a boundary cache in half and in full precision",
    load: async () => (await import("./storage.ts")).benchStorage,
  },
  studio: {
    usage: "studio [--pictures 10000] [--added 1000] [--network resnet50] [--seconds 20]",
    about: "the studio's page with 10,000 pictures: memory, scrolling; adding 1,000 and training on them",
    load: async () => (await import("./studio.ts")).benchStudio,
  },
  tfjs: {
    usage: "tfjs [--batch 16] [--repeat 3]",
    about: "forward images/s of one network in Graft and in TensorFlow.js (wasm)",
    load: async () => (await import("./tfjs.ts")).benchTfjs,
  },
  unknowns: {
    usage: "unknowns [--data flowers,sign-digits] [--tries 5] [--network NAME]",
    about: "classes that were left out of training, asked for: which score tells them best",
    load: async () => (await import("./unknowns.ts")).benchUnknowns,
  },
};

const help = (): string =>
  [
    "Usage: npm run bench -- <name> [flags]",
    "",
    ...Object.values(benches).map(({ usage, about }) => `  ${usage.padEnd(90)}${about}`),
    "",
    "The Python peers run with GRAFT_PEER_PYTHON (default: python3). Quote the ratios, never the absolute times.",
  ].join("\n");

async function main([name, ...flags]: readonly string[]): Promise<number> {
  if (name === undefined || [name, ...flags].some((word) => word === "--help" || word === "-h")) {
    console.log(help());
    return name === undefined ? 2 : 0;
  }
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (!bench) {
    console.error(`There is no bench "${name}": give one of ${Object.keys(benches).join(", ")}.`);
    return 2;
  }
  if (!bench.needsNothing && !isSharedHere()) {
    console.log(SHARED_ABSENT);
    return 0;
  }
  try {
    await (await bench.load())(flags);
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return error instanceof WrongFlags ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
