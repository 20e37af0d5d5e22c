/** The report of a training as one HTML file: which sections it has, and in what order. */

import type { ReportInput } from "../run/report-input.ts";
import { date, listed, plural } from "./format.ts";
import type { Section } from "./section.ts";
import { auditSection } from "./sections/audit.ts";
import { calibrationSection } from "./sections/calibration.ts";
import { classesSection } from "./sections/classes.ts";
import { confusionSection } from "./sections/confusion.ts";
import { explanationsSection } from "./sections/explanations.ts";
import { headlineSection } from "./sections/headline.ts";
import { mistakesSection } from "./sections/mistakes.ts";
import { provenanceSection } from "./sections/provenance.ts";
import { skippedSection } from "./sections/skipped.ts";
import { trustSection } from "./sections/trust.ts";
import { usageSection } from "./sections/usage.ts";
import { renderPage } from "./shell.ts";

/** The sections of a training's report, in reading order. */
export const reportSections: readonly Section[] = [
  headlineSection,
  provenanceSection,
  confusionSection,
  classesSection,
  calibrationSection,
  trustSection,
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
 * @throws a usage error where `createdAt` is no date
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
