/**
 * The parameter names of torchvision and Keras for VGG, ResNet, Inception V3, ConvNeXt and vision transformers, and which libraries
 * publish weights for which architectures. MobileNets and EfficientNet are in mobile-names.ts.
 */
import type { Definition } from "../architectures/definition.ts";
import {
  kerasEfficientnet,
  kerasMobilenetV2,
  kerasMobilenetV3,
  torchvisionEfficientnet,
  torchvisionMobilenetV2,
  torchvisionMobilenetV3,
} from "./mobile-names.ts";
import { keras, type Naming, type NamingKind, type Row, timm, torchvision } from "./naming.ts";
import { dense, flattenedHwio, perChannel } from "./weight-layout.ts";

// VGG: there it has dense layers where timm has convolutions.

export const torchvisionVgg = torchvision(() => [
  [/^pre_logits\.fc1\./, "classifier.0.", dense],
  [/^pre_logits\.fc2\./, "classifier.3.", dense],
  [/^head\.fc\./, "classifier.6."],
]);

export const kerasVgg = keras(
  (definition) => [
    ...convolutions(definition),
    [/^pre_logits\.(fc[12])$/, "$1", flattenedHwio],
    [/^head\.fc$/, "predictions"],
  ],
  // Keras' notop ends after the last pooling.
  { top: [/^pre_logits\./], inOrder: true },
);

/** timm numbers all modules in sequence, Keras the convolutions of each block; a block is a stage of the definition. */
function convolutions({ parameters, stages }: Definition): Row[] {
  const numbers = [...parameters.keys()].flatMap((name) => /^features\.(\d+)\.weight$/.exec(name)?.[1] ?? []);
  const begins = stages.flatMap(({ name }) => /^features\.(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  let block = 0;
  let within = 0;
  return numbers.map((number) => {
    if (Number(number) === begins[block]) {
      block++;
      within = 0;
    }
    within++;
    return [new RegExp(`^features\\.${number}$`), `block${block}_conv${within}`];
  });
}

// ResNet: torchvision's names are timm's. Keras' current ones, and those of its first ResNet50 (2015), derived from Caffe's.

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

export const kerasResnet = keras(({ parameters }) => {
  const deep = (stage: string): boolean => parameters.has(`layer${stage}.6.conv1.weight`);
  /** Caffe's block names: `a`, `b`, `c`, …; in deep stages `a`, `b1`, `b2`, …. */
  const caffe = (stage: string, block: string): string => {
    const number = Number(block);
    return `${Number(stage) + 1}${deep(stage) && number > 0 ? `b${number}` : LETTERS[number]}`;
  };
  const block = (stage: string, index: string): string => `conv${Number(stage) + 1}_block${Number(index) + 1}`;
  const branch = (number: string): string => `branch2${LETTERS[Number(number) - 1]}`;
  return [
    [/^conv1$/, () => ["conv1_conv", "conv1"]],
    [/^bn1$/, () => ["conv1_bn", "bn_conv1"]],
    [/^layer(\d)\.(\d+)\.conv(\d)$/, (s, b, n) => [`${block(s!, b!)}_${n}_conv`, `res${caffe(s!, b!)}_${branch(n!)}`]],
    [/^layer(\d)\.(\d+)\.bn(\d)$/, (s, b, n) => [`${block(s!, b!)}_${n}_bn`, `bn${caffe(s!, b!)}_${branch(n!)}`]],
    [/^layer(\d)\.(\d+)\.downsample\.0$/, (s, b) => [`${block(s!, b!)}_0_conv`, `res${caffe(s!, b!)}_branch1`]],
    [/^layer(\d)\.(\d+)\.downsample\.1$/, (s, b) => [`${block(s!, b!)}_0_bn`, `bn${caffe(s!, b!)}_branch1`]],
    [/^fc$/, () => ["predictions", "probs", "fc1000"]],
  ];
});

// Inception V3: torchvision's names are timm's. Keras numbers convolutions in the order in which its program creates them, the order
// of this table.

const stem = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"];

const blockA = [
  ...["branch1x1", "branch5x5_1", "branch5x5_2"],
  ...["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3", "branch_pool"],
];
const blockB = ["branch3x3", "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"];
const blockC = [
  ...["branch1x1", "branch7x7_1", "branch7x7_2", "branch7x7_3"],
  ...["branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5", "branch_pool"],
];
const blockD = [
  ...["branch3x3_1", "branch3x3_2"],
  ...["branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"],
];
const blockE = [
  ...["branch1x1", "branch3x3_1", "branch3x3_2a", "branch3x3_2b"],
  ...["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3a", "branch3x3dbl_3b", "branch_pool"],
];

const blocks: Readonly<Record<string, readonly string[]>> = {
  Mixed_5b: blockA,
  Mixed_5c: blockA,
  Mixed_5d: blockA,
  Mixed_6a: blockB,
  Mixed_6b: blockC,
  Mixed_6c: blockC,
  Mixed_6d: blockC,
  Mixed_6e: blockC,
  Mixed_7a: blockD,
  Mixed_7b: blockE,
  Mixed_7c: blockE,
};

const numbers = new Map(
  [
    ...stem,
    ...Object.entries(blocks).flatMap(([block, branches]) => branches.map((branch) => `${block}.${branch}`)),
  ].map((name, index) => [name, index === 0 ? "" : `_${index}`]),
);

const numbered = (layer: string, name: string): string => `${layer}${numbers.get(name) ?? "_none"}`;

export const kerasInceptionV3 = keras(() => [
  [/^(.+)\.conv$/, (name) => numbered("conv2d", name!)],
  [/^(.+)\.bn$/, (name) => numbered("batch_normalization", name!)],
  [/^fc$/, "predictions"],
]);

// ConvNeXt: torchvision numbers stages and downsamplings in turn; Keras spells everything out.

/** torchvision's number of each part in its block. */
const parts: Readonly<Record<string, number>> = { conv_dw: 0, norm: 2, "mlp.fc1": 3, "mlp.fc2": 5 };

export const torchvisionConvnext = torchvision(() => {
  const stage = (number: string): number => 2 * Number(number) + 1;
  const block: Row[] = Object.entries(parts).map(([part, place]) => [
    new RegExp(`^stages\\.(\\d)\\.blocks\\.(\\d+)\\.${part.replace(".", "\\.")}\\.(.+)$`),
    (s, b, rest) => `features.${stage(s!)}.${b}.block.${place}.${rest}`,
  ]);
  return [
    ...block,
    [/^stages\.(\d)\.blocks\.(\d+)\.gamma$/, (s, b) => `features.${stage(s!)}.${b}.layer_scale`, perChannel],
    [/^stages\.(\d)\.downsample\.(.+)$/, (s, rest) => `features.${stage(s!) - 1}.${rest}`],
    [/^stem\./, "features.0."],
    [/^head\.norm\./, "classifier.0."],
    [/^head\.fc\./, "classifier.2."],
  ];
});

/** Keras' names for the parts of a block. */
const partNames: Readonly<Record<string, string>> = {
  conv_dw: "depthwise_conv",
  norm: "layernorm",
  "mlp.fc1": "pointwise_conv_1",
  "mlp.fc2": "pointwise_conv_2",
};

export const kerasConvnext = keras(({ name }) => [
  [
    /^stages\.(\d)\.blocks\.(\d+)\.(.+)$/,
    (stage, block, part) => `${name}_stage_${stage}_block_${block}_${partNames[part!]}`,
  ],
  // The layer scale is a parameter of the block.
  [/^stages\.(\d)\.blocks\.(\d+)$/, `${name}_stage_$1_block_$2_layer_scale`],
  [/^stages\.(\d)\.downsample\.0$/, (stage) => `${name}_downsampling_layernorm_${Number(stage) - 1}`],
  [/^stages\.(\d)\.downsample\.1$/, (stage) => `${name}_downsampling_conv_${Number(stage) - 1}`],
  [/^stem\.0$/, `${name}_stem_conv`],
  [/^stem\.1$/, `${name}_stem_layernorm`],
  // Without the top, the last normalisation has a generated name.
  [/^head\.norm$/, () => [`${name}_head_layernorm`, "layer_normalization"]],
  [/^head\.fc$/, `${name}_head_dense`],
]);

// Vision transformers of torchvision. Keras Applications has none.

export const torchvisionVit = torchvision(() => [
  [/^cls_token$/, "class_token"],
  [/^pos_embed$/, "encoder.pos_embedding"],
  [/^patch_embed\.proj\./, "conv_proj."],
  [/^blocks\.(\d+)\.norm([12])\./, "encoder.layers.encoder_layer_$1.ln_$2."],
  [/^blocks\.(\d+)\.attn\.qkv\./, "encoder.layers.encoder_layer_$1.self_attention.in_proj_"],
  [/^blocks\.(\d+)\.attn\.proj\./, "encoder.layers.encoder_layer_$1.self_attention.out_proj."],
  [/^blocks\.(\d+)\.mlp\.fc1\./, "encoder.layers.encoder_layer_$1.mlp.0."],
  [/^blocks\.(\d+)\.mlp\.fc2\./, "encoder.layers.encoder_layer_$1.mlp.3."],
  [/^norm\./, "encoder.ln."],
  [/^head\./, "heads.head."],
]);

// Which libraries publish weights for which architectures, and the naming of each.

/** A library's naming for a group of architectures; `of` takes a definition in the library's dialect. */
export interface NamingRow {
  readonly kind: NamingKind;
  /** By timm's names. */
  readonly architectures: RegExp;
  readonly of: (definition: Definition) => Naming;
}

const rows: readonly NamingRow[] = [
  { kind: "timm", architectures: /./, of: timm },
  // For resnet and inception_v3, torchvision's names are timm's.
  { kind: "torchvision", architectures: /^vgg/, of: torchvisionVgg },
  { kind: "torchvision", architectures: /^mobilenetv2_/, of: torchvisionMobilenetV2 },
  { kind: "torchvision", architectures: /^mobilenetv3_/, of: torchvisionMobilenetV3 },
  { kind: "torchvision", architectures: /^efficientnet_/, of: torchvisionEfficientnet },
  { kind: "torchvision", architectures: /^convnext_/, of: torchvisionConvnext },
  { kind: "torchvision", architectures: /^vit_\w+_patch16_/, of: torchvisionVit },
  { kind: "keras", architectures: /^vgg1[69]$/, of: kerasVgg },
  { kind: "keras", architectures: /^resnet(50|101|152)$/, of: kerasResnet },
  { kind: "keras", architectures: /^inception_v3$/, of: kerasInceptionV3 },
  { kind: "keras", architectures: /^mobilenetv2_\d+$/, of: kerasMobilenetV2 },
  { kind: "keras", architectures: /^mobilenetv3_(large|small)_100$/, of: kerasMobilenetV3 },
  { kind: "keras", architectures: /^efficientnet_/, of: kerasEfficientnet },
  { kind: "keras", architectures: /^convnext_/, of: kerasConvnext },
];

/** All namings of an architecture's parameters, timm's first. */
export const namingsOf = (architecture: string): readonly NamingRow[] =>
  rows.filter(({ architectures }) => architectures.test(architecture));
