/**
 * Renders Graft's pages with code that is loaded when the first page is needed: the chart library is large, and most programs
 * draw no page. `graft-ml/report` exports the same functions directly.
 */
import type { RunPages } from "../run/save.ts";

type ReportModule = typeof import("./index.ts");
type PageFunction = "renderReport" | "renderComparison" | "renderRecommendation";

const load = (): Promise<ReportModule> => import("./index.ts");

/** The pages of a run's folder. */
export async function loadPages(): Promise<RunPages> {
  const { renderReport, renderCard } = await load();
  return { report: renderReport, card: renderCard };
}

type Lazy<Name extends PageFunction> = (...args: Parameters<ReportModule[Name]>) => Promise<string>;

/** As `renderReport` of `graft-ml/report`. */
export const renderReport: Lazy<"renderReport"> = async (...args) => (await load()).renderReport(...args);

/** As `renderComparison` of `graft-ml/report`. */
export const renderComparison: Lazy<"renderComparison"> = async (...args) => (await load()).renderComparison(...args);

/** As `renderRecommendation` of `graft-ml/report`. */
export const renderRecommendation: Lazy<"renderRecommendation"> = async (...args) =>
  (await load()).renderRecommendation(...args);
