/** The commands of `graft`, by name. Each is a module that is loaded, with its dependencies, only when the command line names it. */
import type { Command } from "commander";

interface Row {
  /** The arguments in the list of commands. */
  readonly usage: string;
  readonly description: string;
  /** Loads the function that adds arguments, options and action to a command. */
  readonly load: () => Promise<(command: Command) => Command>;
}

export const commands: Readonly<Record<string, Row>> = {
  train: {
    usage: "[options] <dataset>",
    description: "train a model on a folder of images",
    load: async () => (await import("./commands/train.ts")).trainCommand,
  },
  predict: {
    usage: "[options] <model> <images...>",
    description: "classify images with a trained model",
    load: async () => (await import("./commands/predict.ts")).predictCommand,
  },
  evaluate: {
    usage: "[options] <model> <dataset>",
    description:
      "measure a trained model on labelled images (the test split, or else the validation split, if there is one)",
    load: async () => (await import("./commands/evaluate.ts")).evaluateCommand,
  },
  recommend: {
    usage: "[options] <dataset>",
    description: "find the network that suits your images and this machine",
    load: async () => (await import("./commands/recommend.ts")).recommendCommand,
  },
  compare: {
    usage: "[options] <dataset>",
    description: "decide between transfer, fine-tuning and training from scratch",
    load: async () => (await import("./commands/compare.ts")).compareCommand,
  },
  serve: {
    usage: "[options] <models...>",
    description: "serve predictions over HTTP",
    load: async () => (await import("./commands/serve.ts")).serveCommand,
  },
  studio: {
    usage: "[options] [folder]",
    description: "collect images, train and try models in the browser, on this machine only",
    load: async () => (await import("./commands/studio.ts")).studioCommand,
  },
  explain: {
    usage: "[options] <model> <images...>",
    description: "explain the predictions of a trained model",
    load: async () => (await import("./commands/explain.ts")).explainCommand,
  },
  export: {
    usage: "[options] <model>",
    description: "write a trained model in another format: 8-bit integers",
    load: async () => (await import("./commands/export.ts")).exportCommand,
  },
  audit: {
    usage: "[options] <dataset>",
    description: "find problems in a dataset: duplicates, wrong labels, off-topic images, shortcuts",
    load: async () => (await import("./commands/audit.ts")).auditCommand,
  },
  networks: {
    usage: "",
    description: "list, download and inspect pretrained networks",
    load: async () => (await import("./commands/networks.ts")).networksCommand,
  },
  cache: {
    usage: "",
    description: "show, prune and verify the cache",
    load: async () => (await import("./commands/cache.ts")).cacheCommand,
  },
  sample: {
    usage: "[options] [name] [folder]",
    description: "create a sample dataset with class folders",
    load: async () => (await import("./commands/sample.ts")).sampleCommand,
  },
};
