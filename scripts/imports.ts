/**
 * Checks the imports inside `src/`, those of types too and those of tests not: they point downwards in the map below, and no files
 * import each other in a circle. `npm run check` runs it. What a file imports from packages is not looked at.
 */
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { sourceFiles, sourceFolder } from "./support/source-files.ts";

/** The map, from top to bottom: a folder imports from rows below its own. The longest entry that fits a path counts. */
const rows: readonly (readonly string[])[] = [
  ["index.ts", "cli", "web"],
  ["serve", "studio"],
  ["http"],
  ["library.ts"],
  ["report"],
  ["run"],
  ["advise", "audit", "explain", "cache"],
  ["train"],
  ["model"],
  ["networks"],
  ["formats"],
  ["metrics"],
  ["data"],
  ["hub"],
  ["autodiff"],
  ["onnx/session"],
  ["onnx"],
  ["base"],
];

/** The files that a file imports, by their paths below `src/`. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(sourceFolder, path), "utf8");
  const fixed = text.matchAll(/^(?:import|export)\b[^;"]*?\bfrom "(\.[^"]+)";|^import "(\.[^"]+)";/gm);
  // A line of a comment may speak of import("…").
  const delayed = text.matchAll(/^(?!\s*(?:\/\/|\/?\*)).*?\bimport\("(\.[^"]+)"\)/gm);
  const found = [...fixed, ...delayed].map(([, from, alone]) => posix.join(posix.dirname(path), (from ?? alone)!));
  return [...new Set(found)];
}

/** The entry of the map that a path is in, and its row. */
function placeOf(path: string): { readonly entry: string; readonly row: number } | undefined {
  const fitting = rows
    .flatMap((entries, row) => entries.map((entry) => ({ entry, row })))
    .filter(({ entry }) => path === entry || path.startsWith(`${entry}/`));
  return fitting.sort((a, b) => b.entry.length - a.entry.length)[0];
}

function upwardFault(from: string, to: string): string | undefined {
  const [upper, lower] = [placeOf(from), placeOf(to)];
  if (!upper || !lower) return `${upper ? to : from}: its folder is not in the map of scripts/imports.ts.`;
  if (upper.entry === lower.entry || upper.row < lower.row) return undefined;
  return `${from} imports ${to}, but ${lower.entry} is not below ${upper.entry}.`;
}

/** Circles, each as the files along it; all are gone when these are. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at >= 0) circles.push([...trail.slice(at), path]);
    if (at >= 0 || done.has(path)) return;
    trail.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return circles;
}

const graph = new Map<string, readonly string[]>();
const faults: string[] = [];
for (const { path } of sourceFiles().filter((file) => !file.isOfTests)) {
  const found = importsOf(path);
  graph.set(path, found);
  faults.push(...found.map((to) => upwardFault(path, to)).filter((fault) => fault !== undefined));
}
faults.push(...circlesOf(graph).map((circle) => `A circle of imports: ${circle.join(" -> ")}.`));
if (faults.length > 0) {
  process.stderr.write(`${faults.join("\n")}\n`);
  process.exitCode = 1;
}
