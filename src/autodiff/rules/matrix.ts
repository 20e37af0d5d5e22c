/** Gradients of matrix products. Uses `Gemm` with transposition flags where possible, which copies nothing. */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import { broadcast, product } from "../build/shape.ts";
import { by, type Rule, type RuleTable } from "../rule.ts";

/** Y = α A′ B′ + β C. */
const gemm: Rule = (site) => {
  const { build } = site;
  const [a, b] = [site.input(0), site.input(1)];
  const [transA, transB] = [site.int("transA", 0) === 1, site.int("transB", 0) === 1];
  const scaled = (gradient: Ref): Ref => build.mul(gradient, site.float("alpha", 1));
  return [
    () => {
      const dy = site.gradient();
      return scaled(
        transA ? build.gemm(b, dy, { transA: transB, transB: true }) : build.gemm(dy, b, { transB: !transB }),
      );
    },
    () => {
      const dy = site.gradient();
      return scaled(
        transB ? build.gemm(dy, a, { transA: true, transB: transA }) : build.gemm(a, dy, { transA: !transA }),
      );
    },
    () => build.mul(site.gradient(), site.float("beta", 1)),
  ];
};

/** A stack of rows as one matrix: merges all axes except the last. */
const asMatrix = (build: Operations, x: Ref): Ref => build.reshape(x, [product(x.dims.slice(0, -1)), x.dims.at(-1)!]);

const matmul: Rule = (site) => {
  const { build } = site;
  // Vectors are matrices of one row or column, as in NumPy.
  const [first, second] = [site.input(0), site.input(1)];
  const a = first.dims.length === 1 ? build.reshape(first, [1, ...first.dims]) : first;
  const b = second.dims.length === 1 ? build.reshape(second, [...second.dims, 1]) : second;
  const batch = broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2));
  const gradient = (): Ref => build.reshape(site.gradient(), [...batch, a.dims.at(-2)!, b.dims.at(-1)!]);
  // A stack of rows times one matrix is one large product.
  const flat = b.dims.length === 2;
  return [
    () => {
      const dy = gradient();
      if (flat) return build.reshape(build.gemm(asMatrix(build, dy), b, { transB: true }), first.dims);
      return build.reshape(build.sumTo(build.matmul(dy, build.matrixTranspose(b)), a.dims), first.dims);
    },
    () => {
      const dy = gradient();
      if (flat)
        return build.reshape(build.gemm(asMatrix(build, a), asMatrix(build, dy), { transA: true }), second.dims);
      return build.reshape(build.sumTo(build.matmul(build.matrixTranspose(a), dy), b.dims), second.dims);
    },
  ];
};

export const matrix: RuleTable = { Gemm: by(gemm), MatMul: by(matmul) };
