/** Names of ResNet: torchvision's are timm's. Keras' current ones, and those of its first ResNet50 (2015), derived from Caffe's. */
import { keras } from "./naming.ts";

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
