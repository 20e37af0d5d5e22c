/** Names of ConvNeXt: torchvision numbers stages and downsamplings in turn; Keras spells everything out. */
import { perChannel } from "./layout.ts";
import { keras, type Row, torchvision } from "./naming.ts";

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
const words: Readonly<Record<string, string>> = {
  conv_dw: "depthwise_conv",
  norm: "layernorm",
  "mlp.fc1": "pointwise_conv_1",
  "mlp.fc2": "pointwise_conv_2",
};

export const kerasConvnext = keras(({ name }) => [
  [
    /^stages\.(\d)\.blocks\.(\d+)\.(.+)$/,
    (stage, block, part) => `${name}_stage_${stage}_block_${block}_${words[part!]}`,
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
