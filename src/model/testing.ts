/** For tests and benches: rules of uncertainty for an artifact whose uncertainty does not matter. */
import type { ArtifactContents } from "./artifact-graph.ts";
import { MAX_OOD_SCORE } from "./artifact-graph.ts";

/** Rules that call no image unknown and exclude no class, from one made-up image. */
export const permissiveUncertainty = (features: number): Pick<ArtifactContents, "novelty" | "conformal" | "tuned"> => ({
  novelty: {
    bank: Int8Array.from({ length: features }, () => 1),
    scales: Float32Array.of(1),
    distance: { median: 0, spread: 1 },
    odds: { median: 0, spread: 1 },
    rule: { threshold: MAX_OOD_SCORE, falseAlarmRate: 0.05, neighbours: 1, fittedOn: 1 },
  },
  conformal: { coverage: 0.9, threshold: 0, calibratedOn: 1 },
  tuned: false,
});
