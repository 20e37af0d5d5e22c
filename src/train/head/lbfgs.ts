/**
 * Limited-memory BFGS that the caller drives: the minimiser names a point, the caller reports the value and the gradient there, and the minimiser
 * names the next point. This way many fits advance in lock step and share one matrix product per round. Evaluates nothing itself.
 * Source: Nocedal & Wright, Numerical Optimization (2006), algorithm 7.4 (two-loop recursion) with Armijo backtracking.
 */

/** One minimisation: evaluate at {@link Minimiser.point} and call {@link Minimiser.observe} until there is an outcome. */
export interface Minimiser {
  /** Where to evaluate next; after the end, the best point found. Do not write to it. */
  readonly point: Float32Array;
  /** Undefined while running. */
  readonly outcome: "converged" | "iteration-limit" | "no-progress" | undefined;
  /** Accepted steps so far. */
  readonly iterations: number;
  /** Reports the value and the gradient at {@link Minimiser.point}. Copies the gradient. */
  observe(value: number, gradient: Float32Array): void;
}

export interface MinimiserOptions {
  /** Maximum number of steps. Default 200. */
  readonly maxIterations?: number | undefined;
  /** Ends when the largest component of the gradient is below this. Default 1e-4. */
  readonly gradientTolerance?: number | undefined;
  /** Ends when a step lowers the value by less than this share of it. Default 1e-6. */
  readonly valueTolerance?: number | undefined;
  /** Correction pairs kept. Default 8. */
  readonly memory?: number | undefined;
}

const ARMIJO = 1e-4;
const MAX_BACKTRACKS = 20;

/** Four independent sums: a single one would wait for each addition before the next. */
const dot = (a: Float32Array, b: Float32Array): number => {
  const even = a.length - (a.length % 4);
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let i = 0; i < even; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (let i = even; i < a.length; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
};

/** `target += factor · addend` */
const addScaled = (target: Float32Array, factor: number, addend: Float32Array): void => {
  const even = target.length - (target.length % 4);
  for (let i = 0; i < even; i += 4) {
    target[i] = target[i]! + factor * addend[i]!;
    target[i + 1] = target[i + 1]! + factor * addend[i + 1]!;
    target[i + 2] = target[i + 2]! + factor * addend[i + 2]!;
    target[i + 3] = target[i + 3]! + factor * addend[i + 3]!;
  }
  for (let i = even; i < target.length; i++) target[i] = target[i]! + factor * addend[i]!;
};

const largest = (a: Float32Array): number => {
  let [low, high] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const value = a[i]!;
    if (value > high) high = value;
    else if (value < low) low = value;
  }
  return Math.max(high, -low);
};

interface Correction {
  readonly step: Float32Array;
  readonly change: Float32Array;
  readonly curvature: number;
}

/** Starts a minimisation at `start` (copied). */
export function createMinimiser(start: Float32Array, options: MinimiserOptions = {}): Minimiser {
  const { maxIterations = 200, gradientTolerance = 1e-4, valueTolerance = 1e-6, memory = 8 } = options;
  const corrections: Correction[] = [];
  let best = start.slice();
  let bestValue = Number.POSITIVE_INFINITY;
  let bestGradient: Float32Array | undefined;
  let direction = new Float32Array(start.length);
  let slope = 0;
  let scale = 1;
  let backtracks = 0;
  let point = best;
  let iterations = 0;
  let outcome: Minimiser["outcome"];

  const finish = (how: NonNullable<Minimiser["outcome"]>): void => {
    outcome = how;
    point = best;
  };

  /** Points `direction` downhill from `best`, by the inverse curvature that the corrections describe. */
  const chooseDirection = (gradient: Float32Array): void => {
    direction = gradient.slice();
    const shares: number[] = [];
    for (let i = corrections.length - 1; i >= 0; i--) {
      const { step, change, curvature } = corrections[i]!;
      const share = dot(step, direction) / curvature;
      shares[i] = share;
      addScaled(direction, -share, change);
    }
    const last = corrections.at(-1);
    const inverseCurvature = last
      ? last.curvature / dot(last.change, last.change)
      : 1 / Math.sqrt(dot(gradient, gradient));
    for (let i = 0; i < direction.length; i++) direction[i] = direction[i]! * inverseCurvature;
    corrections.forEach(({ step, change, curvature }, i) => {
      addScaled(direction, shares[i]! - dot(change, direction) / curvature, step);
    });
    for (let i = 0; i < direction.length; i++) direction[i] = -direction[i]!;
    slope = dot(direction, gradient);
    scale = 1;
    backtracks = 0;
  };

  const propose = (): void => {
    point = best.slice();
    addScaled(point, scale, direction);
  };

  const backtrack = (value: number): void => {
    if (++backtracks > MAX_BACKTRACKS) {
      finish("no-progress");
      return;
    }
    // The minimum of the parabola through the known values, between a tenth and a half of the last scale.
    const parabola = Number.isFinite(value) ? (-slope * scale) / (2 * ((value - bestValue) / scale - slope)) : 0;
    scale = Math.min(Math.max(parabola, 0.1 * scale), 0.5 * scale);
    propose();
  };

  return {
    get point() {
      return point;
    },
    get outcome() {
      return outcome;
    },
    get iterations() {
      return iterations;
    },
    observe(value, gradient) {
      if (bestGradient) {
        if (!(value <= bestValue + ARMIJO * scale * slope)) {
          backtrack(value);
          return;
        }
        const step = point.slice();
        addScaled(step, -1, best);
        const change = gradient.slice();
        addScaled(change, -1, bestGradient);
        const curvature = dot(step, change);
        if (curvature > 1e-10 * dot(change, change)) {
          corrections.push({ step, change, curvature });
          if (corrections.length > memory) corrections.shift();
        }
        iterations++;
      }
      const gain = bestValue - value;
      best = point;
      bestValue = value;
      bestGradient = gradient.slice();
      if (largest(gradient) < gradientTolerance || gain < valueTolerance * Math.abs(value)) {
        finish("converged");
        return;
      }
      if (iterations >= maxIterations) {
        finish("iteration-limit");
        return;
      }
      chooseDirection(bestGradient);
      if (slope < 0) propose();
      else finish("no-progress");
    },
  };
}
