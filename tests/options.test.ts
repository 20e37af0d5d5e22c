/** Invalid options are refused in one sentence before any work: in calls of the library, and on the command line. */
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { beforeAll, describe, expect, test } from "vitest";
import { auditCommand } from "../src/cli/commands/audit.ts";
import { compareCommand } from "../src/cli/commands/compare.ts";
import { evaluateCommand } from "../src/cli/commands/evaluate.ts";
import { explainCommand } from "../src/cli/commands/explain.ts";
import { networksCommand } from "../src/cli/commands/networks.ts";
import { predictCommand } from "../src/cli/commands/predict.ts";
import { recommendCommand } from "../src/cli/commands/recommend.ts";
import { sampleCommand } from "../src/cli/commands/sample.ts";
import { serveCommand } from "../src/cli/commands/serve.ts";
import { studioCommand } from "../src/cli/commands/studio.ts";
import { trainCommand } from "../src/cli/commands/train.ts";
import {
  audit,
  compare,
  type Dataset,
  decodeImage,
  discoverDataset,
  GraftError,
  gatherCandidates,
  openArtifact,
  openNetwork,
  recommend,
  train,
  withTestFolder,
} from "../src/index.ts";
import { tinyNetwork } from "./support/network.ts";

const work = mkdtempSync(join(tmpdir(), "graft-options-"));
const network = join(work, "tiny.onnx");
const dataset: Dataset = {
  root: work,
  classes: ["a", "b", "c"],
  examples: [0, 1, 2].map((label) => ({ path: `${label}.png`, label, split: undefined })),
  layout: "class-folders",
  ignored: [],
};
const opened = { name: "n", sha256: "0", cut: "c", model: {}, preprocessing: {} };

/** The sentence of a refusal. */
async function refusalOf(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(GraftError);
  expect(error).toMatchObject({ kind: "usage", code: "usage-invalid" });
  const { message } = error as GraftError;
  expect(message.length).toBeLessThan(700);
  expect(message).toMatch(/^\S[^\n]*[.?]$/);
  return message;
}

beforeAll(() => writeFileSync(network, tinyNetwork()));

describe("train", () => {
  const cases: [string, object, string][] = [
    [
      "a seed that is no number",
      { seed: Number.NaN },
      "The option seed of train takes a whole number from 0 to 4294967295, not NaN.",
    ],
    ["a negative seed", { seed: -1 }, "not -1."],
    ["a fractional seed", { seed: 0.5 }, "not 0.5."],
    ["a seed as text", { seed: "1" }, 'not "1".'],
    ["a seed that would be another's", { seed: 2 ** 32 }, "not 4294967296."],
    [
      "class weights of nonsense",
      { classWeights: "bogus" },
      'classWeights of train takes one of none, balanced, not "bogus".',
    ],
    ["an unknown effort", { effort: "heroic" }, 'effort of train takes one of quick, better, not "heroic".'],
    [
      "an effort with fine-tuning",
      { effort: "better", finetune: { unfreeze: "1" } },
      "effort chooses what the head alone is trained on: leave it out, or finetune.",
    ],
    [
      "a fine-tuning of nothing",
      { finetune: {} },
      "The option finetune.unfreeze of train is missing: it takes a stage's name",
    ],
    ["a fine-tuning of no stage", { finetune: { unfreeze: "none" } }, "to train the head alone, leave finetune out"],
    [
      "no learning rate",
      { finetune: { unfreeze: "1", learningRate: Number.NaN } },
      "finetune.learningRate of train takes a number above 0",
    ],
    ["a learning rate of 0", { finetune: { unfreeze: "1", learningRate: 0 } }, "not 0."],
    ["no epochs", { finetune: { unfreeze: "1", epochs: 0 } }, "finetune.epochs of train takes a whole number from 1"],
    ["endless epochs", { finetune: { unfreeze: "1", epochs: Number.POSITIVE_INFINITY } }, "not Infinity."],
    [
      "a batch of half",
      { finetune: { unfreeze: "1", batch: 1.5 } },
      "finetune.batch of train takes a whole number from 1",
    ],
    [
      "an unknown augmentation",
      { finetune: { unfreeze: "1", augment: "bogus" } },
      "finetune.augment of train takes one of none, light",
    ],
    [
      "two learning rates",
      { finetune: { unfreeze: "1", findLr: true, learningRate: 1 } },
      "finetune.findLr looks for the learning rate that finetune.learningRate gives",
    ],
    [
      "resuming from nowhere",
      { finetune: { unfreeze: "1", resume: true } },
      "finetune.resume only applies to a training with checkpoints: add finetune.checkpoint.",
    ],
    [
      "a misspelt option",
      { finetune: { unfreze: "1" } },
      'train has no option "finetune.unfreze": did you mean finetune.unfreeze?',
    ],
    ["an option of another call", { budgetSeconds: 5 }, 'train has no option "budgetSeconds"'],
    ["an invalid signal", { signal: {} }, "The option signal of train takes an AbortSignal, not an object."],
    ["an invalid listener", { onProgress: "yes" }, 'The option onProgress of train takes a function, not "yes".'],
    ["a number for a network", { network: 50 }, "network of train takes a network that openNetwork returned, not 50."],
    ["a name of no network", { network: "resnet5O" }, 'Unknown network "resnet5O"; did you mean'],
    ["a wrong seed before a network is opened", { network: "resnet50", seed: -1 }, "not -1."],
    ["a path of no dataset", { dataset: undefined, data: "" }, "The option data of train takes the path of a dataset"],
    ["a wrong seed before a dataset is read", { dataset: undefined, data: "nowhere", seed: -1 }, "not -1."],
    [
      "a path for a dataset",
      { dataset: "photos" },
      'dataset of train takes a dataset as discoverDataset gives it, not "photos".',
    ],
    ["no dataset", { dataset: undefined }, "The option dataset of train is missing"],
    [
      "two classes of one name",
      { dataset: { ...dataset, classes: ["a", "b", "a"] } },
      'two classes are called "a": give each class a name of its own.',
    ],
    ["a class without a name", { dataset: { ...dataset, classes: ["a", ""] } }, 'class 1 is called ""'],
    ["no examples", { dataset: { ...dataset, examples: [] } }, "The dataset cannot be used: it has no examples"],
    ["no classes", { dataset: { ...dataset, classes: [] } }, "it has no classes"],
    ...[7, -1, 0.5, Number.NaN, "1", undefined].map((label): [string, object, string] => [
      `the label ${label}`,
      { dataset: { ...dataset, examples: [...dataset.examples, { path: "x", label }] } },
      "example 3 has the label",
    ]),
    ...[undefined, 5, "", new Uint8Array(8e6)].map((path): [string, object, string] => [
      `the path ${String(path).slice(0, 9)}`,
      { dataset: { ...dataset, examples: [{ path, label: 0 }] } },
      "example 0 has the path",
    ]),
    ["an invalid example", { dataset: { ...dataset, examples: [null] } }, "example 0 is null"],
    [
      "an unknown split",
      { dataset: { ...dataset, examples: [{ path: "x", label: 0, split: "dev" }] } },
      'has the split "dev": give train, validation or test',
    ],
    [
      "a group that is a number",
      { dataset: { ...dataset, examples: [{ path: "x", label: 0, group: 5 }] } },
      "has the group 5",
    ],
  ];
  test.each(cases)("refuses %s", async (_, options, says) => {
    expect(await refusalOf(() => train({ dataset, network: opened, ...options } as never))).toContain(says);
  });

  test("refuses what is no object of options", async () => {
    for (const options of [undefined, null, "photos", 5])
      expect(await refusalOf(() => train(options as never))).toMatch(/^train takes an object of options, not /);
  });
});

describe("other calls", () => {
  const calls: [string, () => Promise<unknown>, string][] = [
    [
      "openArtifact of bytes",
      () => openArtifact(new Uint8Array(8e6) as never),
      "The first argument of openArtifact takes the path of a model.onnx, not a Uint8Array of 8000000 bytes.",
    ],
    [
      "openArtifact of nothing",
      () => openArtifact(undefined as never),
      "takes the path of a model.onnx, not undefined.",
    ],
    ["openArtifact of a path of eight million letters", () => openArtifact("x".repeat(8e6)), "too long"],
    [
      "decodeImage of nothing",
      () => decodeImage(undefined as never),
      "The first argument of decodeImage takes the path or",
    ],
    ["decodeImage of an array", () => decodeImage([1, 2] as never), "not an array of 2."],
    ["decodeImage without pixels", () => decodeImage("a.png", Number.NaN), "The second argument of decodeImage takes"],
    [
      "withTestFolder of labels that are none",
      () => withTestFolder({ ...dataset, classes: ["a"] }, "x"),
      "has the label 1",
    ],
    [
      "openNetwork of nothing",
      () => openNetwork(undefined as never),
      "The first argument of openNetwork takes a name of the catalogue",
    ],
    [
      "openNetwork with nonsense",
      () => openNetwork("resnet50", { preprocessing: "magic" } as never),
      "preprocessing of openNetwork takes one of imagenet",
    ],
    [
      "openNetwork of the catalogue with preprocessing",
      () => openNetwork("resnet50", { preprocessing: "imagenet" }),
      "leave preprocessing out",
    ],
    ["openNetwork with an unknown option", () => openNetwork("resnet50", { cuts: "x" } as never), "did you mean cut?"],
    ["openNetwork of an unknown name, however long", () => openNetwork("x".repeat(8e6)), "Unknown network"],
    [
      "discoverDataset of nothing",
      () => discoverDataset(undefined as never),
      "The first argument of discoverDataset takes the path of a dataset, not undefined.",
    ],
    ["discoverDataset of an empty path", () => discoverDataset(""), 'not "".'],
    [
      "discoverDataset for an unknown purpose",
      () => discoverDataset("x", "guess" as never),
      "The second argument of discoverDataset takes one of learn, judge",
    ],
    ["recommend without a budget", () => recommend({ dataset, budgetSeconds: 0 }), "budgetSeconds of recommend takes"],
    [
      "recommend with a budget as text",
      () => recommend({ dataset, budgetSeconds: "2m" } as never),
      "budgetSeconds of recommend takes",
    ],
    [
      "recommend with limits of nonsense",
      () => recommend({ dataset, limits: { latencyMs: -5 } }),
      "limits.latencyMs of recommend takes",
    ],
    [
      "recommend with an unknown limit",
      () => recommend({ dataset, limits: { latency: 5 } } as never),
      'recommend has no option "limits.latency"',
    ],
    [
      "recommend in a field of nothing",
      () => recommend({ dataset, field: {} } as never),
      "field of recommend takes the result of gatherCandidates",
    ],
    [
      "gathering names that are none",
      () => gatherCandidates({ named: [5] } as never),
      "named[0] of gatherCandidates takes",
    ],
    [
      "compare without fine-tuning",
      () => compare({ dataset, network: opened, unfreeze: "none" } as never),
      "unfreeze of compare takes a stage's name",
    ],
    [
      "compare with a negative seed",
      () => compare({ dataset, network: opened, seed: -1 } as never),
      "seed of compare takes",
    ],
    [
      "compare of labels that are none",
      () => compare({ dataset: { ...dataset, examples: [{ path: "x", label: 9 }] }, network: opened } as never),
      "has the label 9",
    ],
    [
      "an audit by unknown checks",
      () => audit({ dataset, network: opened, only: ["leeks"] } as never),
      "only[0] of audit takes one of leaks",
    ],
    [
      "an audit by no check",
      () => audit({ dataset, network: opened, only: [] } as never),
      "only of audit takes a list with one check at least",
    ],
  ];
  test.each(calls)("%s", async (_, call, says) => {
    const error = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GraftError);
    expect((error as Error).message).toContain(says);
    expect((error as Error).message.length).toBeLessThan(700);
  });
});

describe("a signal that is aborted already", () => {
  test("ends every operation with its reason, before any work", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const network = opened as never;
    for (const call of [train, compare, audit, recommend] as ((options: object) => Promise<unknown>)[])
      await expect(call({ dataset, ...(call === (recommend as unknown) ? {} : { network }), signal })).rejects.toBe(
        reason,
      );
    await expect(recommend({ dataset, stop: signal })).rejects.toBe(reason);
  });
});

describe("the command line", () => {
  const run = (command: Command, args: readonly string[]): Promise<unknown> => {
    const quiet = (one: Command): Command => {
      one.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
      one.commands.forEach(quiet);
      return one;
    };
    return quiet(command).parseAsync([...args], { from: "user" });
  };
  const out = join(work, "out");
  const ofTrain = (...flags: string[]): string[] => ["photos", "--network", network, "--out", out, ...flags];
  const tuning =
    "only applies to fine-tuning: add --unfreeze (a stage, a number of last stages, or all) or --from-scratch, or leave it out.";

  const cases: [(command: Command) => Command, string[], string][] = [
    [trainCommand, ofTrain("--epochs", "5"), `--epochs ${tuning}`],
    [trainCommand, ofTrain("--augment", "light"), `--augment ${tuning}`],
    [trainCommand, ofTrain("--augment", "bogus"), '--augment takes one of none, light, standard, strong, not "bogus".'],
    [trainCommand, ofTrain("--resume"), `--resume ${tuning}`],
    [trainCommand, ofTrain("--find-lr"), `--find-lr ${tuning}`],
    [trainCommand, ofTrain("--learning-rate", "1e-3"), `--learning-rate ${tuning}`],
    [trainCommand, ofTrain("--batch", "8"), `--batch ${tuning}`],
    [trainCommand, ofTrain("--boundary-cache", "auto"), `--boundary-cache ${tuning}`],
    [trainCommand, ofTrain("--unfreeze", "none", "--epochs", "5"), `--epochs ${tuning}`],
    [
      trainCommand,
      ofTrain("--unfreeze", "1", "--epochs", "0"),
      "--epochs takes a whole number from 1 to 100000, not 0.",
    ],
    [
      trainCommand,
      ofTrain("--unfreeze", "1", "--epochs", "1e9"),
      "--epochs takes a whole number from 1 to 100000, not 1000000000.",
    ],
    [
      trainCommand,
      ofTrain("--unfreeze", "1", "--learning-rate", "NaN"),
      '--learning-rate takes a number above 0 up to 1000000, not "NaN".',
    ],
    [
      trainCommand,
      ofTrain("--unfreeze", "1", "--find-lr", "--learning-rate", "1"),
      "--find-lr looks for the learning rate that --learning-rate gives",
    ],
    [trainCommand, ofTrain("--from-scratch", "--unfreeze", "2"), "--from-scratch trains all stages"],
    [trainCommand, ofTrain("--from-scratch", "--weights", "w"), "--from-scratch uses no weights"],
    [trainCommand, ofTrain("--seed", "1.5"), "--seed takes a whole number from 0 to 4294967295, not 1.5."],
    [trainCommand, ofTrain("--seed", "0x10"), 'not "0x10".'],
    [trainCommand, ofTrain("--seed", ""), 'not "".'],
    [trainCommand, ofTrain("--effort", "heroic"), "--effort takes one of quick, better"],
    [
      trainCommand,
      ofTrain("--effort", "better", "--unfreeze", "1"),
      "--effort applies only to training the head alone: leave it out, or leave out --unfreeze and --from-scratch.",
    ],
    [trainCommand, ofTrain("--class-weights", "some"), "--class-weights takes one of none, balanced"],
    [trainCommand, ofTrain("--out", ""), '--out takes the path of a folder, not "".'],
    [trainCommand, ["photos", "--network", "auto", "--cut", "x"], "--cut only applies to a named network"],
    [
      recommendCommand,
      ["photos", "--preprocessing", "unit"],
      "--preprocessing only applies to .onnx files: name one with --network",
    ],
    [recommendCommand, ["photos", "--latency", "0ms"], "--latency takes a number above 0, not 0."],
    [recommendCommand, ["photos", "--budget", "0s"], "--budget takes"],
    [compareCommand, ["photos", "--unfreeze", "none"], "--unfreeze takes a stage's name"],
    [auditCommand, ["photos", "--only", "leaks,leeks"], 'not "leeks".'],
    [auditCommand, ["photos", "--undo", "q", "--fix"], "--fix only applies to an audit"],
    [auditCommand, ["photos", "--show", "-1"], "--show takes a whole number from 0, not -1."],
    [predictCommand, ["m", "p", "--top", "0"], "--top takes a whole number from 1, not 0."],
    [explainCommand, ["m", "p", "--method", "magic"], "--method takes one of grad-cam"],
    [
      explainCommand,
      ["m", "p", "--nearest", "0", "--data", "d"],
      "--data only applies if the nearest images are listed",
    ],
    [serveCommand, ["m", "--port", "65536"], "--port takes a whole number from 0 to 65535, not 65536."],
    [serveCommand, ["m", "--cors", "https://a.b/c"], 'not "https://a.b/c".'],
    [serveCommand, ["m", "--timeout", "9999999s"], "--timeout takes a number above 0 up to 2147483647"],
    [
      serveCommand,
      ["m", "--max-images", "9", "--max-queue", "5"],
      "--max-images allows more images per request than --max-queue accepts",
    ],
    [studioCommand, ["--port", "http"], '--port takes a whole number from 0 to 65535, not "http".'],
    [studioCommand, ["--preprocessing", "unit"], "--preprocessing only applies to .onnx files"],
    [networksCommand, ["list", "--sort", "beauty"], "--sort takes one of name, size"],
    [networksCommand, ["list", "--licence", "mine"], "--licence takes one of"],
    [networksCommand, ["show", "resnet50", "--preprocessing", "magic"], "--preprocessing takes one of"],
  ];
  test.each(cases)("%o %j", async (command, args, says) => {
    expect(await refusalOf(() => run(command(new Command()), args))).toContain(says);
  });

  test("leaves nothing of what it refused", () => {
    expect(readdirSync(work)).toEqual(["tiny.onnx"]);
  });

  test("every option of every command is described by its schema", () => {
    for (const command of [evaluateCommand, sampleCommand, trainCommand, serveCommand])
      expect(command(new Command())).toBeDefined();
  });

  test("the defaults in the help are the schema's", () => {
    const help = trainCommand(new Command()).helpInformation();
    for (const part of ["(default: 0)", '(default: "graft-out")', '(default: "none")']) expect(help).toContain(part);
  });
});
