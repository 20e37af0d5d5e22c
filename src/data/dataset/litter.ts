/** Files in datasets that are not part of them: hidden files, leftovers of systems, and Graft's own output. */
import type { IgnoredKind } from "./tree.ts";

export interface Litter {
  readonly kind: IgnoredKind;
  readonly reason: string;
}

interface Rule extends Litter {
  readonly name: RegExp;
  readonly of: "any" | "folder";
}

const rules: readonly Rule[] = [
  { name: /^\./, of: "any", kind: "litter", reason: "hidden" },
  { name: /^(thumbs|ehthumbs)\.db$/i, of: "any", kind: "litter", reason: "left behind by Windows Explorer" },
  { name: /^desktop\.ini$/i, of: "any", kind: "litter", reason: "left behind by Windows Explorer" },
  { name: /^icon\r$/i, of: "any", kind: "litter", reason: "left behind by the macOS Finder" },
  { name: /^__MACOSX$/, of: "folder", kind: "litter", reason: "left behind by a macOS archive" },
  { name: /^(@eaDir|@__thumb|#recycle|#snapshot)$/, of: "folder", kind: "litter", reason: "left behind by a NAS" },
  {
    name: /^(\$RECYCLE\.BIN|System Volume Information|lost\+found)$/i,
    of: "folder",
    kind: "litter",
    reason: "a folder of the system",
  },
  { name: /^graft-(out|explain)$/i, of: "folder", kind: "own", reason: "a folder that Graft wrote" },
  { name: /-quarantine(-\d+)?$/, of: "folder", kind: "own", reason: "images that `graft audit --fix` moved aside" },
];

/** Why an entry with this name is not part of a dataset; undefined if it may be. */
export function litterOf(name: string, of: "file" | "folder"): Litter | undefined {
  return rules.find((rule) => (rule.of === "any" || rule.of === of) && rule.name.test(name));
}

/** Files that mark a folder as the output of a training or as a quarantine. */
const marks: ReadonlySet<string> = new Set(["graft.json", "model.onnx", "checkpoint.safetensors", "undo.json"]);

/** Whether a folder with these files was written by Graft. */
export const isOwnOutput = (files: readonly string[]): boolean => files.some((name) => marks.has(name));

export const ownOutput: Litter = { kind: "own", reason: "a folder that Graft wrote" };
