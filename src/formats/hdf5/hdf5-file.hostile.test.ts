/** Damaged and hostile HDF5 files: one sentence each, no endless loop, no more bytes than the file justifies. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { memoryRanges } from "../testing.ts";
import { openKerasH5 } from "./keras-h5.ts";
import { hdf5Of, put } from "./testing.ts";

/** A small file of both kinds of Keras, with attributes in the heap of texts. */
const small = (libver: "earliest" | "latest"): Uint8Array =>
  hdf5Of((root) => {
    for (const layer of ["conv2d", "conv2d_1", "dense"]) {
      put(root, `model_weights/${layer}/${layer}/kernel:0`, [2, 2], [1, 2, 3, 4]);
      put(root, `model_weights/layers/${layer}/vars/0`, [3], [1, 2, 3]);
      const vars = root.get(`/model_weights/layers/${layer}/vars`) as typeof root;
      vars.create_attribute("name", `${layer}_named`);
    }
  }, libver);

const files = [small("earliest"), small("latest")];

/** How many bytes of a file may be read: its structures at most twice, and every dataset once. */
const allowance = (size: number): number => 4 * size + (1 << 18);

/** The error's sentence; undefined if the file can still be read. Fails on any error that is not Graft's. */
async function refusal(bytes: Uint8Array): Promise<string | undefined> {
  const ranges = memoryRanges(bytes, "x.h5");
  try {
    const file = await openKerasH5(ranges);
    for (const name of file.entries.keys()) await file.read(name);
    return undefined;
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    expect(error.kind).toBe("data");
    expect(error.message).toMatch(/^[^\n]+\.$/);
    return error.message;
  } finally {
    expect(ranges.taken).toBeLessThanOrEqual(allowance(bytes.length));
  }
}

describe.each([
  ["oldest", files[0]!],
  ["newest", files[1]!],
])("the %s structures", (_, file) => {
  test("the whole file is read", async () => expect(await refusal(file)).toBeUndefined());

  test("a file that is cut off anywhere is refused", async () => {
    for (let length = 0; length < file.length; length += 31) await refusal(file.slice(0, length));
    expect(await refusal(file.slice(0, 4))).toMatch(/not an HDF5 file|ends before/);
    expect(await refusal(file.slice(0, file.length >> 1))).toBeDefined();
  });

  test("any word may be huge, undefined, zero, or point elsewhere", async () => {
    let refused = 0;
    const words = new BigUint64Array(file.slice(0, file.length - (file.length % 8)).buffer);
    for (let at = 8; at < 8 * words.length; at += 8) {
      // Most words are unused space for names: a few of them are enough.
      if (words[at / 8] === 0n && at % 128 !== 0) continue;
      for (const value of [
        [2n ** 60n, 2n ** 64n - 1n],
        [0n, BigInt((at * 7919) % file.length)],
      ][(at / 8) % 2]!) {
        const copy = file.slice();
        new DataView(copy.buffer).setBigUint64(at, value, true);
        if (await refusal(copy)) refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  test("any bytes may be flipped", async () => {
    const flips = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(flips, async (damage) => {
        const copy = file.slice();
        for (const [at, value] of damage) copy[at] = value;
        await refusal(copy);
      }),
      { numRuns: 500 },
    );
  });
});

/** Where bytes of a file are, once. */
function find(bytes: Uint8Array, word: string): number {
  const at = Buffer.from(bytes).indexOf(word);
  expect(at).toBeGreaterThan(0);
  return at;
}

test("an index of names that contains itself ends", async () => {
  const copy = files[0]!.slice();
  const tree = find(copy, "TREE");
  const view = new DataView(copy.buffer);
  copy[tree + 5] = 1; // An inner node, …
  view.setUint16(tree + 6, 2, true); // … of two children, …
  for (const child of [32, 48]) view.setBigUint64(tree + child, BigInt(tree), true); // … both itself.
  expect(await refusal(copy)).toMatch(/contains itself|repeatedly/);
});

test("an object header that continues in itself ends", async () => {
  const one = hdf5Of((root) => put(root, "a", [1], [0]));
  const copy = one.slice();
  const view = new DataView(copy.buffer);
  // The header's first message becomes a continuation at its own block.
  const root = Number(view.getBigUint64(64, true));
  view.setUint16(root + 16, 0x10, true);
  view.setBigUint64(root + 24, BigInt(root + 16), true);
  view.setBigUint64(root + 32, 24n, true);
  expect(await refusal(copy)).toMatch(/continues in itself/);
});

test("a dataset of 2^60 elements is refused before memory is taken", async () => {
  const one = hdf5Of((root) => put(root, "a", [3, 5], Array(15).fill(0)));
  const copy = one.slice();
  const dims = Buffer.alloc(16);
  dims.writeBigUInt64LE(3n, 0);
  dims.writeBigUInt64LE(5n, 8);
  const at = Buffer.from(copy).indexOf(dims);
  new DataView(copy.buffer).setBigUint64(at, 2n ** 60n, true);
  expect(await refusal(copy)).toMatch(/"\/a" is float32 \[1152921504606847000,5\], \d+ bytes, but 60 are stored/);
});
