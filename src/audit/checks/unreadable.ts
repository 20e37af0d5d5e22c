/** Files that no training can use. */
import type { Check } from "../check.ts";

export const unreadable: Check = {
  name: "unreadable",
  about: "files that cannot be read as images",
  find({ unreadable: files, classes }) {
    if (files.length === 0) return [];
    const groups = files.map(({ path, reason, label, split }) => [
      { path, label: classes[label]!, split, why: reason, confidence: 1, fix: "quarantine" as const },
    ]);
    return [
      {
        check: "unreadable",
        title: `${files.length} ${files.length === 1 ? "file" : "files"} cannot be read as an image.`,
        advice: "Save them again as JPEG or PNG, or remove them: training leaves them out.",
        severity: "worth knowing",
        confidence: 1,
        groups,
      },
    ];
  },
};
