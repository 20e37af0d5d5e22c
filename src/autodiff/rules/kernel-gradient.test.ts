/** Blocked convolutions compute what the standard ones do; they are used only where the engine has them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { BLOCKED, modelOf } from "../../onnx/model.ts";
import { hasBlockedConvolutions, openSession } from "../../onnx/session/session.ts";
import { Operations } from "../graph-operations.ts";
import { normal } from "../testing.ts";
import type { Window } from "./kernel-gradient.ts";
import { weightGradient } from "./kernel-gradient.ts";

const hasThem = await hasBlockedConvolutions();

/** The gradient towards depthwise kernels, and the nodes that compute it. */
async function gradient(
  dims: { readonly x: readonly number[]; readonly dy: readonly number[] },
  window: Window,
  blocked: boolean,
): Promise<{ readonly values: Float32Array; readonly domains: ReadonlySet<string> }> {
  const build = new Operations(["x", "dy"]);
  build.blocked = blocked;
  const ref = (name: "x" | "dy") => ({ name, type: "float32", dims: dims[name] }) as const;
  const { name } = weightGradient(build, ref("x"), ref("dy"), window, dims.x[1]!);
  const model = modelOf({
    name: "gradient",
    nodes: build.nodes,
    inputs: [ref("x"), ref("dy")],
    outputs: [{ name }],
    initializers: build.initializers,
  });
  const opsets = new Map([...model.opsets, ...(blocked ? [[BLOCKED.domain, BLOCKED.version] as const] : [])]);
  const session = await openSession(encodeModelWhole({ ...model, opsets }), { threads: 1 });
  const random = createRandom(3);
  const data = (of: readonly number[]): Float32Array => Float32Array.from(normal(random, of).values);
  const result = await session.run({
    x: { dims: dims.x, data: data(dims.x) },
    dy: { dims: dims.dy, data: data(dims.dy) },
  });
  await session.close();
  return { values: result[name]!.data as Float32Array, domains: new Set(build.nodes.map(({ domain }) => domain)) };
}

test.skipIf(!hasThem)(
  `depthwise, blocked${hasThem ? "" : " (skipped: this build of ONNX Runtime has no blocked convolutions)"}`,
  async () => {
    const axis = fc.record({
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      before: fc.integer({ min: 0, max: 2 }),
      after: fc.integer({ min: -2, max: 2 }),
      outputs: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(axis, axis, fc.constantFrom([2, 8], [1, 16], [3, 16]), async (high, wide, [batch, channels]) => {
        const axes = [high, wide];
        const sizes = axes.map(
          ({ kernel, stride, dilation, before, after, outputs }) =>
            (outputs - 1) * stride + (kernel - 1) * dilation + 1 - before - after,
        );
        fc.pre(sizes.every((size) => size >= 1));
        const window = {
          kernel: axes.map(({ kernel }) => kernel),
          strides: axes.map(({ stride }) => stride),
          dilations: axes.map(({ dilation }) => dilation),
          before: axes.map(({ before }) => before),
          after: axes.map(({ after }) => after),
        };
        const dims = {
          x: [batch!, channels!, ...sizes],
          dy: [batch!, channels!, ...axes.map(({ outputs }) => outputs)],
        };
        const [plain, blocked] = [await gradient(dims, window, false), await gradient(dims, window, true)];
        expect(blocked.domains).toContain(BLOCKED.domain);
        expect(plain.domains).toEqual(new Set([""]));
        expect(blocked.values.length).toBe(plain.values.length);
        const apart = plain.values.map((value, i) => Math.abs(value - blocked.values[i]!));
        expect(Math.max(...apart)).toBeLessThan(1e-4 * Math.max(1, ...plain.values.map(Math.abs)));
      }),
      { numRuns: 60, seed: 5 },
    );
  },
);

test("the standard operators are used if the channels do not fill whole blocks", async () => {
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1] };
  const { domains } = await gradient({ x: [1, 6, 4, 4], dy: [1, 6, 4, 4] }, window, hasThem);
  expect(domains).toEqual(new Set([""]));
});
