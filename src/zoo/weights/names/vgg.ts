/**
 * The parameter names of torchvision and Keras for VGG, ResNet, Inception V3, ConvNeXt and vision transformers. VGG has dense layers there
 * where timm has convolutions.
 */
import type { Definition } from "../../architectures/definition.ts";
import { dense, flattenedHwio } from "./layout.ts";
import { keras, type Row, torchvision } from "./naming.ts";

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
