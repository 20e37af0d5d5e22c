/**
 * Names of the networks of inverted residuals: MobileNetV2, MobileNetV3, EfficientNet. timm numbers blocks within stages and names
 * convolutions after their purpose; torchvision numbers modules; Keras numbers all blocks in sequence (EfficientNet: stages and letters).
 */
import type { Definition } from "../architectures/definition.ts";
import { keras, type Row, torchvision } from "./naming.ts";
import { dense, hwcm, hwio, pointwise } from "./weight-layout.ts";

/** A convolution with its batch norm, or a squeeze-and-excitation, in the order of the data flow. */
interface Part {
  /** timm's name of the convolution: `conv_dw`, or `se`. */
  readonly name: string;
  /** timm's name of its batch norm. */
  readonly norm?: string | undefined;
}

interface Block {
  /** `blocks.2.0`. */
  readonly name: string;
  readonly stage: number;
  /** Within the stage. */
  readonly index: number;
  readonly parts: readonly Part[];
}

const ORDER = ["conv", "conv_pw", "conv_dw", "se", "conv_pwl"];
/** A block without expansion ends with `conv_pw`, which narrows. */
const ORDER_WITHOUT_EXPANSION = ["conv_dw", "se", "conv_pw"];

/** The blocks of a definition in order, with their parts. */
function blocksOf({ parameters }: Definition): readonly Block[] {
  const modules = new Map<string, Set<string>>();
  for (const name of parameters.keys()) {
    const [, block, module] = /^(blocks\.\d+\.\d+)\.([a-z_]+)/.exec(name) ?? [];
    if (block === undefined) continue;
    modules.set(block, (modules.get(block) ?? new Set()).add(module!));
  }
  return [...modules].map(([name, has]) => {
    const [stage, index] = name.split(".").slice(1).map(Number);
    const order = has.has("conv_pwl") || has.has("conv") ? ORDER : ORDER_WITHOUT_EXPANSION;
    let norms = 0;
    const parts = order
      .filter((part) => has.has(part))
      .map((part): Part => (part === "se" ? { name: part } : { name: part, norm: `bn${++norms}` }));
    return { name, stage: stage!, index: index!, parts };
  });
}

const exactly = (name: string): RegExp => new RegExp(`^${name.replaceAll(".", "\\.")}$`);
const within = (name: string): RegExp => new RegExp(`^${name.replaceAll(".", "\\.")}(?=\\.)`);

/** Rules for torchvision: the module of each block, and the names of its parts. */
function torchvisionBlocks(
  definition: Definition,
  module: (block: Block, position: number) => string,
  part: (position: number, block: Block) => { conv: string; norm: string; squeeze: string },
): Row[] {
  return blocksOf(definition).flatMap((block, position) =>
    block.parts.flatMap(({ name, norm }, index): Row[] => {
      const [to, at] = [module(block, position), part(index, block)];
      if (norm === undefined) {
        return [
          [within(`${block.name}.${name}.conv_reduce`), `${to}.${at.squeeze}.fc1`],
          [within(`${block.name}.${name}.conv_expand`), `${to}.${at.squeeze}.fc2`],
        ];
      }
      return [
        [within(`${block.name}.${name}`), `${to}.${at.conv}`],
        [within(`${block.name}.${norm}`), `${to}.${at.norm}`],
      ];
    }),
  );
}

const torchvisionEnds = (last: number): Row[] => [
  [/^conv_stem(?=\.)/, "features.0.0"],
  [/^bn1(?=\.)/, "features.0.1"],
  [/^conv_head(?=\.)/, `features.${last}.0`],
  [/^bn2(?=\.)/, `features.${last}.1`],
  [/^classifier(?=\.)/, "classifier.1"],
];

/** The last convolution of a block has no activation; its batch norm is a separate module. */
export const torchvisionMobilenetV2 = torchvision((definition) => [
  ...torchvisionBlocks(
    definition,
    (_, position) => `features.${position + 1}.conv`,
    (index, { parts }) =>
      index === parts.length - 1
        ? { conv: `${index}`, norm: `${index + 1}`, squeeze: "" }
        : { conv: `${index}.0`, norm: `${index}.1`, squeeze: "" },
  ),
  ...torchvisionEnds(blocksOf(definition).length + 1),
]);

const grouped = (index: number): { conv: string; norm: string; squeeze: string } => ({
  conv: `${index}.0`,
  norm: `${index}.1`,
  squeeze: `${index}`,
});

/** torchvision's batch norms have epsilon 1e-3, timm's 1e-5. */
export const torchvisionMobilenetV3 = torchvision(
  (definition) => [
    ...torchvisionBlocks(
      definition,
      ({ parts }, position) => `features.${position + 1}${parts[0]!.name === "conv" ? "" : ".block"}`,
      (index, { parts }) => (parts[0]!.name === "conv" ? { conv: "0", norm: "1", squeeze: "" } : grouped(index)),
    ),
    [/^conv_stem(?=\.)/, "features.0.0"],
    [/^bn1(?=\.)/, "features.0.1"],
    [/^conv_head(?=\.)/, "classifier.0", dense],
    [/^classifier(?=\.)/, "classifier.3"],
  ],
  { epsilonGap: 1e-3 - 1e-5 },
);

export const torchvisionEfficientnet = torchvision((definition) => [
  ...torchvisionBlocks(definition, ({ stage, index }) => `features.${stage + 1}.${index}.block`, grouped),
  ...torchvisionEnds(8),
]);

/** Keras' names for the parts of a block. */
interface KerasNames {
  readonly expand: readonly [conv: string, norm: string];
  readonly filter: readonly [conv: string, norm: string];
  readonly narrow: readonly [conv: string, norm: string];
  readonly squeeze?: readonly [reduce: string, expand: string] | undefined;
}

function kerasBlocks(
  definition: Definition,
  prefix: (block: Block, position: number) => string,
  names: KerasNames,
): Row[] {
  return blocksOf(definition).flatMap((block, position) => {
    const expands = block.parts.some(({ name }) => name === "conv_pwl");
    const namesOf: Readonly<Record<string, readonly [string, string] | undefined>> = {
      conv_pw: expands ? names.expand : names.narrow,
      conv_dw: names.filter,
      conv_pwl: names.narrow,
    };
    const to = prefix(block, position);
    return block.parts.flatMap(({ name, norm }): Row[] => {
      if (norm === undefined) {
        const [reduce, expand] = names.squeeze ?? ["", ""];
        return [
          [exactly(`${block.name}.se.conv_reduce`), `${to}${reduce}`],
          [exactly(`${block.name}.se.conv_expand`), `${to}${expand}`],
        ];
      }
      const found = namesOf[name];
      if (!found) return [];
      return [
        [exactly(`${block.name}.${name}`), `${to}${found[0]}`, name === "conv_dw" ? hwcm : hwio],
        [exactly(`${block.name}.${norm}`), `${to}${found[1]}`],
      ];
    });
  });
}

export const kerasMobilenetV2 = keras(
  (definition) => [
    ...kerasBlocks(definition, (_, position) => (position === 0 ? "expanded_conv" : `block_${position}`), {
      expand: ["_expand", "_expand_BN"],
      filter: ["_depthwise", "_depthwise_BN"],
      narrow: ["_project", "_project_BN"],
    }),
    [/^conv_stem$/, "Conv1"],
    [/^bn1$/, () => ["bn_Conv1", "Conv1_bn"]],
    [/^conv_head$/, "Conv_1"],
    [/^bn2$/, "Conv_1_bn"],
    [/^classifier$/, () => ["predictions", "Logits"]],
  ],
  { inOrder: true },
);

/** The layer before the classifier is part of Keras' top. */
export const kerasMobilenetV3 = keras(
  (definition) => [
    ...kerasBlocks(definition, (_, position) => (position === 0 ? "expanded_conv" : `expanded_conv_${position}`), {
      expand: ["_expand", "_expand_bn"],
      filter: ["_depthwise", "_depthwise_bn"],
      narrow: ["_project", "_project_bn"],
      squeeze: ["_squeeze_excite_conv", "_squeeze_excite_conv_1"],
    }),
    [/^conv_stem$/, "conv"],
    [/^bn1$/, "conv_bn"],
    [/^blocks\.\d+\.0\.conv$/, "conv_1"],
    [/^blocks\.\d+\.0\.bn1$/, "conv_1_bn"],
    [/^conv_head$/, "conv_2"],
    [/^classifier$/, "logits", pointwise],
  ],
  { top: [/^conv_head\./] },
);

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

export const kerasEfficientnet = keras((definition) => [
  ...kerasBlocks(definition, ({ stage, index }) => `block${stage + 1}${LETTERS[index]}_`, {
    expand: ["expand_conv", "expand_bn"],
    filter: ["dwconv", "bn"],
    narrow: ["project_conv", "project_bn"],
    squeeze: ["se_reduce", "se_expand"],
  }),
  [/^conv_stem$/, "stem_conv"],
  [/^bn1$/, "stem_bn"],
  [/^conv_head$/, "top_conv"],
  [/^bn2$/, "top_bn"],
  [/^classifier$/, () => ["predictions", "probs"]],
]);
