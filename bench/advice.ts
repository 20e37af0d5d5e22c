/** Bench `advice`: whether Graft's advice is right, on the datasets and networks at hand. The parts are beside this file. */
import { benchCompare } from "./advice/compare.ts";
import { benchRecommend } from "./advice/recommend.ts";
import { benchScores } from "./advice/scores.ts";
import { readFlags, WrongFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";

const parts = { scores: benchScores, recommend: benchRecommend, compare: benchCompare } as const;

/** Measures and prints. */
export async function benchAdvice(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, {
    part: "scores",
    data: "flowers,pollen,sign-digits",
    networks: "mobilenet_v2_100_224.onnx,resnet50,inception_v3,mobilenet_v2_140_nsfw,inception_v3_nsfw",
    budget: 120,
    images: 600,
    epochs: "0",
    splits: 1,
  });
  const part = Object.entries(parts).find(([name]) => name === flags.part)?.[1];
  if (!part) throw new WrongFlags(`--part takes one of ${Object.keys(parts).join(", ")}.`);
  console.log(machine());
  await part({
    data: flags.data.split(","),
    networks: flags.networks.split(","),
    budget: flags.budget,
    ...{ images: flags.images, epochs: Number(flags.epochs), splits: flags.splits },
  });
}
