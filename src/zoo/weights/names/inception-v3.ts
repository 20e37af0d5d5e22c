/**
 * Names of Inception V3: torchvision's are timm's. Keras numbers convolutions in the order in which its program creates them, the
 * order of this table.
 */
import { keras } from "./naming.ts";

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
