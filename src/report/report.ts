/** The report of a training as one HTML file: which sections it has, and in what order. */

import type { ReportInput } from "../run/report-input.ts";
import { date, listed, plural } from "./html.ts";
import type { Section } from "./page-shell.ts";
import { renderPage } from "./page-shell.ts";
import { auditSection, explanationsSection, mistakesSection, skippedSection } from "./sections/images.ts";
import { provenanceSection, usageSection } from "./sections/provenance.ts";
import { classesSection, confusionSection, headlineSection } from "./sections/results.ts";
import { calibrationSection, uncertaintySection } from "./sections/uncertainty.ts";

/** The sections of a training's report, in reading order. */
export const reportSections: readonly Section[] = [
  headlineSection,
  provenanceSection,
  confusionSection,
  classesSection,
  calibrationSection,
  uncertaintySection,
  mistakesSection,
  explanationsSection,
  auditSection,
  skippedSection,
  usageSection,
];

/**
 * One self-contained HTML document: no script, no request to anywhere, readable in light and dark, on a phone and on paper.
 *
 * @param sections other sections, or another order
 * @throws a usage error if `createdAt` is not a date
 */
export function renderReport(input: ReportInput, sections: readonly Section[] = reportSections): string {
  return renderPage({
    title: input.title,
    meta: input.modelSha256 === undefined ? {} : { modelSha256: input.modelSha256 },
    eyebrow: `Graft report · ${date(input.createdAt)}`,
    subtitle: `${plural(input.dataset.classes.length, "class", "classes")}: ${listed(input.dataset.classes)}`,
    parts: sections.flatMap((section) => section(input) ?? []),
    footer: Object.entries(input.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(" · "),
  });
}
