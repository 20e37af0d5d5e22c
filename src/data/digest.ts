/** A dataset's fingerprint: the same pictures with the same labels give the same one, wherever the folder lies. */
import { createHash } from "node:crypto";
import { relative, sep } from "node:path";
import type { Dataset } from "./dataset/dataset-schema.ts";

/**
 * SHA-256 over every example's relative path, split, class and the SHA-256 of its file.
 *
 * @param digests SHA-256 of the files by position in `examples`; a file without one counts as unreadable
 */
export function datasetDigest({ root, classes, examples }: Dataset, digests: ReadonlyMap<number, Buffer>): string {
  const lines = examples.map(({ path, label, split }, i) =>
    JSON.stringify([
      relative(root, path).split(sep).join("/"),
      split ?? "",
      classes[label],
      digests.get(i)?.toString("hex") ?? "unreadable",
    ]),
  );
  const hash = createHash("sha256");
  for (const line of lines.sort()) hash.update(`${line}\n`);
  return hash.digest("hex");
}
