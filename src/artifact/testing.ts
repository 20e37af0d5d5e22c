/** For tests and benches: what makes an artifact complete where how far it is to be trusted does not matter. */
import type { ArtifactParts } from "./build.ts";
import { MOST_NOVELTY } from "./contract.ts";

/** Rules that call nothing unknown and rule no class out, from one made-up picture. */
export const trusting = (features: number): Pick<ArtifactParts, "novelty" | "conformal" | "tuned"> => ({
  novelty: {
    bank: Int8Array.from({ length: features }, () => 1),
    scales: Float32Array.of(1),
    distance: { median: 0, spread: 1 },
    odds: { median: 0, spread: 1 },
    rule: { threshold: MOST_NOVELTY, falseAlarmRate: 0.05, neighbours: 1, fittedOn: 1 },
  },
  conformal: { coverage: 0.9, threshold: 0, calibratedOn: 1 },
  tuned: false,
});
