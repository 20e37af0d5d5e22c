/** `graft-ml/report`: reports and model cards from plain data. Loads the chart library; `graft-ml` alone does not. */
export type {
  Consumption,
  ReportDataset,
  ReportExplanation,
  ReportFinding,
  ReportHead,
  ReportInput,
  ReportMistake,
  ReportNetwork,
  ReportSkipped,
  ReportTrust,
} from "../run/report-input.ts";
export { type ComparisonPage, renderComparison } from "./advice/comparison.ts";
export { type RecommendationPage, renderRecommendation } from "./advice/recommendation.ts";
export { renderCard } from "./card.ts";
export { renderReport, reportSections } from "./report.ts";
export type { Section } from "./section.ts";
