/** The initialiser for the parameters of each role. */
import type { Initialiser } from "../architectures/definition.ts";
import type { GraphIndex } from "./anatomy.ts";
import { nextActivation } from "./gain.ts";
import type { Role } from "./role.ts";

/** How a parameter is drawn, and its description in reports. */
export interface Initialisation {
  readonly initialiser: Initialiser;
  readonly called: string;
}

const filled = (value: number, called: string): Initialisation => ({
  initialiser: { kind: "constant", value },
  called,
});

const fixed: Readonly<Record<Exclude<Role["kind"], "weight" | "constant">, Initialisation>> = {
  bias: filled(0, "biases: 0"),
  scale: filled(1, "scales: 1"),
  shift: filled(0, "shifts: 0"),
  mean: filled(0, "running means: 0"),
  variance: filled(1, "running variances: 1"),
  // As in ConvNeXt, arXiv 2201.03545.
  "layer scale": filled(1e-6, "layer scales: 1e-6"),
  // He et al. 2015.
  slope: filled(0.25, "slopes of parametric rectifiers: 0.25"),
  // Dosovitskiy et al. 2020, arXiv 2010.11929.
  token: { initialiser: { kind: "normal", std: 0.02 }, called: "tokens and embeddings: normal, deviation 0.02" },
};

/**
 * Weights before a rectifier: He's rule, with standard deviation gain / √(fan in). Other weights: Glorot's (Glorot and Bengio 2010), with
 * √(2 / (fan in + fan out)).
 */
function weightInitialisation(
  { fanIn, fanOut, output }: Extract<Role, { kind: "weight" }>,
  of: GraphIndex,
): Initialisation {
  const next = nextActivation(output, of);
  return next.kind === "rectifier"
    ? {
        initialiser: { kind: "normal", std: next.gain / Math.sqrt(fanIn) },
        called: "weights before a rectifier: He normal",
      }
    : { initialiser: { kind: "normal", std: Math.sqrt(2 / (fanIn + fanOut)) }, called: "other weights: Glorot normal" };
}

/** The initialisation for a role; undefined if it is not learned. */
export function initialisationOf(role: Role, of: GraphIndex): Initialisation | undefined {
  if (role.kind === "constant") return undefined;
  return role.kind === "weight" ? weightInitialisation(role, of) : fixed[role.kind];
}
