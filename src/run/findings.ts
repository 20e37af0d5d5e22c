/** The audit's findings as the report shows them: with small pictures. */
import { type Finding, suspectsOf } from "../audit/finding.ts";
import { isDataError } from "../base/errors.ts";
import { thumbnail } from "../data/thumbnail.ts";
import type { ReportFinding } from "./report-input.ts";

/** Pictures shown of each finding. */
const SHOWN = 6;

/** The audit's findings with thumbnails. */
export const reportFindings = (findings: readonly Finding[]): Promise<ReportFinding[]> =>
  Promise.all(
    findings.map(async (finding) => {
      const suspects = suspectsOf(finding);
      const pictures = suspects.slice(0, SHOWN).map(async ({ path, label, why, confidence }) => ({
        thumbnail: await thumbnail(path).catch(emptyIfUnreadable),
        path,
        label,
        why,
        confidence,
      }));
      const { title, advice, severity, confidence } = finding;
      return { title, advice, severity, confidence, pictures: await Promise.all(pictures), total: suspects.length };
    }),
  );

/** A finding may be that a file is no picture. */
function emptyIfUnreadable(error: unknown): string {
  if (!isDataError(error)) throw error;
  return "";
}
