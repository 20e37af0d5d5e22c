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
  ReportUncertainty,
} from "../run/report-input.ts";
export { renderCard } from "./card.ts";
export { type ComparisonPage, renderComparison } from "./comparison-page.ts";
export type { Section } from "./page-shell.ts";
export { type RecommendationPage, renderRecommendation } from "./recommendation-page.ts";
export { renderReport, reportSections } from "./report.ts";
