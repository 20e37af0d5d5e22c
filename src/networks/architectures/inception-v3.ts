/**
 * Inception V3: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", arXiv 1512.00567.
 * Blocks are tables of branches, named as in timm. The auxiliary classifier, used only in the authors' training, is left out.
 */

import type { Definition, DefinitionOptions, Dialect, Family, Initialiser } from "./definition.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
import { batchNorm, classify, conv } from "./layers/learned-layers.ts";
import type { Pair } from "./layers/tensor-layers.ts";
import { averagePool, concat, globalPool, maxPool, relu } from "./layers/tensor-layers.ts";

/** A convolution with batch norm and ReLU. */
interface Unit {
  readonly name: string;
  readonly out: number;
  readonly kernel: Pair;
  readonly stride: number;
  readonly padding: Pair;
}

/** Units on the same input, concatenated. */
interface Fork {
  readonly fork: string;
  readonly units: readonly Unit[];
}

/** A step of a branch. Poolings have windows of 3 × 3; `average` keeps the map's size, `max` halves it. */
type Step = Unit | Fork | "average" | "max";

/** Branches on the same input, concatenated along the channels in this order. */
type Block = readonly (readonly Step[])[];

interface Style {
  /** Whether batch norm has a scale. Keras leaves it out, which a ReLU after it allows. */
  readonly scale: boolean;
  /** Whether average pooling counts the padding. */
  readonly countPadding: boolean;
}

const styles: Readonly<Record<Dialect, Style>> = {
  timm: { scale: true, countPadding: true },
  keras: { scale: false, countPadding: false },
};

/** The epsilon of every batch norm, in both dialects. */
const EPSILON = 1e-3;

/** For every weight. The "truncated" normal of timm and torchvision is cut off at ±2, twenty standard deviations: effectively never. */
const initialiser: Initialiser = { kind: "normal", std: 0.1 };

const half = (kernel: Pair): Pair =>
  typeof kernel === "number" ? (kernel - 1) / 2 : [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2];

const unit = (name: string, out: number, kernel: Pair): Unit => ({
  name,
  out,
  kernel,
  stride: 1,
  padding: half(kernel),
});

const halving = (name: string, out: number): Unit => ({ name, out, kernel: 3, stride: 2, padding: 0 });

const unpadded = (name: string, out: number, kernel: Pair): Unit => ({ name, out, kernel, stride: 1, padding: 0 });

const pooled = (out: number): readonly Step[] => ["average", unit("branch_pool", out, 1)];

const ACROSS: Pair = [1, 7];
const DOWN: Pair = [7, 1];

const blockA = (pool: number): Block => [
  [unit("branch1x1", 64, 1)],
  [unit("branch5x5_1", 48, 1), unit("branch5x5_2", 64, 5)],
  [unit("branch3x3dbl_1", 64, 1), unit("branch3x3dbl_2", 96, 3), unit("branch3x3dbl_3", 96, 3)],
  pooled(pool),
];

const blockB: Block = [
  [halving("branch3x3", 384)],
  [unit("branch3x3dbl_1", 64, 1), unit("branch3x3dbl_2", 96, 3), halving("branch3x3dbl_3", 96)],
  ["max"],
];

const blockC = (width: number): Block => [
  [unit("branch1x1", 192, 1)],
  [unit("branch7x7_1", width, 1), unit("branch7x7_2", width, ACROSS), unit("branch7x7_3", 192, DOWN)],
  [
    unit("branch7x7dbl_1", width, 1),
    unit("branch7x7dbl_2", width, DOWN),
    unit("branch7x7dbl_3", width, ACROSS),
    unit("branch7x7dbl_4", width, DOWN),
    unit("branch7x7dbl_5", 192, ACROSS),
  ],
  pooled(192),
];

const blockD: Block = [
  [unit("branch3x3_1", 192, 1), halving("branch3x3_2", 320)],
  [
    unit("branch7x7x3_1", 192, 1),
    unit("branch7x7x3_2", 192, ACROSS),
    unit("branch7x7x3_3", 192, DOWN),
    halving("branch7x7x3_4", 192),
  ],
  ["max"],
];

const fork = (name: string): Fork => ({
  fork: name,
  units: [unit(`${name}a`, 384, [1, 3]), unit(`${name}b`, 384, [3, 1])],
});

const blockE: Block = [
  [unit("branch1x1", 320, 1)],
  [unit("branch3x3_1", 384, 1), fork("branch3x3_2")],
  [unit("branch3x3dbl_1", 448, 1), unit("branch3x3dbl_2", 384, 3), fork("branch3x3dbl_3")],
  pooled(192),
];

/** The layers before the blocks, some with a pooling after them. */
const stem: readonly { readonly unit: Unit; readonly pool?: string }[] = [
  { unit: halving("Conv2d_1a_3x3", 32) },
  { unit: unpadded("Conv2d_2a_3x3", 32, 3) },
  { unit: unit("Conv2d_2b_3x3", 64, 3), pool: "Pool1" },
  { unit: unit("Conv2d_3b_1x1", 80, 1) },
  { unit: unpadded("Conv2d_4a_3x3", 192, 3), pool: "Pool2" },
];

const blocks: Readonly<Record<string, Block>> = {
  Mixed_5b: blockA(32),
  Mixed_5c: blockA(64),
  Mixed_5d: blockA(64),
  Mixed_6a: blockB,
  Mixed_6b: blockC(128),
  Mixed_6c: blockC(160),
  Mixed_6d: blockC(160),
  Mixed_6e: blockC(192),
  Mixed_7a: blockD,
  Mixed_7b: blockE,
  Mixed_7c: blockE,
};

export const inceptionV3: Family = new Map([["inception_v3", define]]);

function define(options?: DefinitionOptions): Definition {
  const b = createArchitecture({ name: "inception_v3", inputSize: 299, dialects: ["timm", "keras"] }, options);
  const style = styles[b.dialect];
  let x = b.image;
  for (const { unit, pool } of stem) {
    x = convolve(b, x, unit, "", style);
    if (pool) x = maxPool(b, x, pool, { kernel: 3, stride: 2 });
    b.stage(unit.name, x);
  }
  for (const [name, branches] of Object.entries(blocks)) {
    const ends = branches.map((steps) => steps.reduce((y, step) => take(b, y, step, `${name}.`, style), x));
    x = b.stage(name, concat(b, ends, name));
  }
  return classify(b, globalPool(b, x), "fc", {
    initialiser,
    biasInitialiser: { kind: "fan-in-uniform", fanIn: x.dims[0]! },
    ignored: [/^AuxLogits\./],
  });
}

function take(b: ArchitectureBuilder, x: Place, step: Step, prefix: string, style: Style): Place {
  if (step === "max") return maxPool(b, x, `${prefix}branch_pool`, { kernel: 3, stride: 2 });
  if (step === "average") {
    const { countPadding } = style;
    return averagePool(b, x, `${prefix}branch_pool.pool`, { kernel: 3, padding: 1, countPadding });
  }
  if (!("fork" in step)) return convolve(b, x, step, prefix, style);
  const ends = step.units.map((unit) => convolve(b, x, unit, prefix, style));
  return concat(b, ends, `${prefix}${step.fork}`);
}

function convolve(b: ArchitectureBuilder, x: Place, unit: Unit, prefix: string, { scale }: Style): Place {
  const name = `${prefix}${unit.name}`;
  const y = conv(b, x, `${name}.conv`, { ...unit, initialiser });
  return relu(b, batchNorm(b, y, `${name}.bn`, { epsilon: EPSILON, scale }), name);
}
