/**
 * The confident joint: how many images of each label are confidently of each class. An image counts for a class if the class's probability
 * is at least as high as is usual for images with that label; among several such classes for the most probable one, and for none if there
 * is none. Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021
 * (arXiv 1911.00068), section 3.1.
 */
import { argmax } from "../../evaluate/softmax.ts";

export interface ConfidentJoint {
  /** `[C]`: the paper's t_j, the mean probability of class j over images labelled j. */
  readonly thresholds: Float64Array;
  /** `[N]`: the class that each image is confidently of; −1 for none. */
  readonly classOf: Int32Array;
}

/** @param probabilities `[N, C]`, from scorers that did not see the image */
export function confidentJoint(probabilities: Float32Array, labels: Int32Array, classes: number): ConfidentJoint {
  const thresholds = new Float64Array(classes);
  const counts = new Float64Array(classes);
  labels.forEach((label, at) => {
    thresholds[label] = thresholds[label]! + probabilities[at * classes + label]!;
    counts[label] = counts[label]! + 1;
  });
  for (let c = 0; c < classes; c++) thresholds[c] = thresholds[c]! / Math.max(1, counts[c]!);
  // The most probable class that is above its own threshold may not be the most probable one.
  const above = new Float32Array(classes);
  const classOf = Int32Array.from(labels, (_, at) => {
    for (let c = 0; c < classes; c++) {
      const value = probabilities[at * classes + c]!;
      above[c] = value >= thresholds[c]! ? value : 0;
    }
    const best = argmax(above, 0, classes);
    return above[best]! > 0 ? best : -1;
  });
  return { thresholds, classOf };
}
