/**
 * The same head with one output fewer. Adding a number to all logits changes no probability, so the best penalised
 * weights of the classes sum to zero, and such weights are a combination of C − 1 contrasts between classes. The contrasts
 * are orthonormal, which leaves every length (hence the L2 penalty) and every step of the fit as it was.
 */

/** Helmert's contrasts `[classes − 1, classes]`: each class against the mean of those before it, of length 1. */
export function contrastsOf(classes: number): Float32Array {
  const contrasts = new Float32Array((classes - 1) * classes);
  for (let k = 1; k < classes; k++) {
    const length = Math.sqrt(k * (k + 1));
    contrasts.fill(-1 / length, (k - 1) * classes, (k - 1) * classes + k);
    contrasts[(k - 1) * classes + k] = k / length;
  }
  return contrasts;
}

/** Weights of contrasts `[classes − 1, columns]` → weights of classes `[classes, columns]`. */
export function weightsOfClasses(ofContrasts: Float32Array, classes: number): Float32Array {
  const columns = ofContrasts.length / (classes - 1);
  const contrasts = contrastsOf(classes);
  const weights = new Float32Array(classes * columns);
  for (let k = 0; k < classes - 1; k++) {
    for (let c = 0; c < classes; c++) {
      const share = contrasts[k * classes + c]!;
      for (let j = 0; share !== 0 && j < columns; j++)
        weights[c * columns + j] = weights[c * columns + j]! + share * ofContrasts[k * columns + j]!;
    }
  }
  return weights;
}
