/** The commands of `graft`, by name. Each is a module of its own that is loaded when the command line names it, with all that it stands on. */
import type { Command } from "commander";

interface Row {
  /** What follows the name in the list of commands. */
  readonly usage: string;
  readonly description: string;
  /** Loads the command: what gives an empty one its arguments, options and action. */
  readonly load: () => Promise<(command: Command) => Command>;
}

export const commands: Readonly<Record<string, Row>> = {
  train: {
    usage: "[options] <dataset>",
    description: "train on a folder of pictures",
    load: async () => (await import("./commands/train.ts")).trainCommand,
  },
  predict: {
    usage: "[options] <model> <images...>",
    description: "ask a trained model what is in pictures",
    load: async () => (await import("./commands/predict.ts")).predictCommand,
  },
  evaluate: {
    usage: "[options] <model> <dataset>",
    description:
      "measure a trained model on labelled pictures (their test part, or else their validation part, if they have one)",
    load: async () => (await import("./commands/evaluate.ts")).evaluateCommand,
  },
  recommend: {
    usage: "[options] <dataset>",
    description: "say which network suits these pictures and this machine",
    load: async () => (await import("./commands/recommend.ts")).recommendCommand,
  },
  compare: {
    usage: "[options] <dataset>",
    description: "say whether to transfer, to fine-tune or to train from scratch",
    load: async () => (await import("./commands/compare.ts")).compareCommand,
  },
  serve: {
    usage: "[options] <models...>",
    description: "answer over HTTP what is in pictures",
    load: async () => (await import("./commands/serve.ts")).serveCommand,
  },
  studio: {
    usage: "[options] [folder]",
    description: "collect pictures, train and try models in the browser, on this machine alone",
    load: async () => (await import("./commands/studio.ts")).studioCommand,
  },
  explain: {
    usage: "[options] <model> <images...>",
    description: "show why a trained model says what it says of pictures",
    load: async () => (await import("./commands/explain.ts")).explainCommand,
  },
  export: {
    usage: "[options] <model>",
    description: "write a trained model in another form: 8-bit integers",
    load: async () => (await import("./commands/export.ts")).exportCommand,
  },
  audit: {
    usage: "[options] <dataset>",
    description: "look for what is wrong with a dataset: copies, wrong labels, off-topic pictures, shortcuts …",
    load: async () => (await import("./commands/audit.ts")).auditCommand,
  },
  networks: {
    usage: "",
    description: "list, fetch and inspect pretrained networks",
    load: async () => (await import("./commands/networks.ts")).networksCommand,
  },
  cache: {
    usage: "",
    description: "show what the cache holds, make room in it, verify it",
    load: async () => (await import("./commands/cache.ts")).cacheCommand,
  },
  sample: {
    usage: "[options] [name] [folder]",
    description: "lay out a sample dataset as class folders",
    load: async () => (await import("./commands/sample.ts")).sampleCommand,
  },
};
