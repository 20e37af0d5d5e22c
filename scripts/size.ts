/**
 * How large Graft is, against the limits below: lines and files of `src/`, the published package, `graft-ml/web` in a bundle.
 * `npm run check:size`; the package is made of `dist/`, so build first. Speed and memory are measured in `bench/`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundlePage } from "../tests/support/site.ts";
import { sourceFiles, sourceFolder } from "./support/source-files.ts";

/** What may not be exceeded; the figures of today are in docs/measured.md. */
const limits = {
  files: 360,
  medianLines: 170,
  linesOfOneFile: 400,
  /** What npm sends: nearly all of it is ONNX Runtime for each system. */
  packedBytes: 120e6,
  /** Unpacked, without ONNX Runtime. */
  ownBytes: 6e6,
  webBytes: 520e3,
  webGzippedBytes: 180e3,
} as const;

/** Tables of data, in which every line is a row. */
const dataTables: ReadonlySet<string> = new Set(["networks/catalogue/hub-networks.ts"]);

const root = fileURLToPath(new URL("..", import.meta.url));
const linesOf = (path: string): number => readFileSync(join(sourceFolder, path), "utf8").trimEnd().split("\n").length;

interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** What `npm publish` would send. */
function packed(): Packed {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  // npm is a script of the shell on Windows.
  const { stdout, status } = spawnSync("npm", args, {
    ...{ cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20, shell: process.platform === "win32" },
  });
  if (status !== 0) throw new Error("npm pack failed: is dist/ built?");
  return (JSON.parse(stdout) as [Packed])[0];
}

/** Bytes of the JavaScript of a page that uses all of `graft-ml/web`, minified; ONNX Runtime's `.wasm` comes beside it. */
async function webBytes(): Promise<{ readonly bytes: number; readonly gzipped: number }> {
  const page = mkdtempSync(join(tmpdir(), "graft-size-"));
  writeFileSync(join(page, "index.html"), '<script type="module" src="./page.js"></script>');
  const entry = JSON.stringify(join(root, "src", "web", "index.ts"));
  writeFileSync(join(page, "page.js"), `import * as graft from ${entry};\nglobalThis.graft = graft;\n`);
  const out = await bundlePage(page, { minify: true });
  try {
    const scripts = readdirSync(join(out, "assets")).filter((name) => /\.m?js$/.test(name));
    const contents = scripts.map((name) => readFileSync(join(out, "assets", name)));
    const sum = (sizes: readonly number[]): number => sizes.reduce((all, size) => all + size, 0);
    return {
      bytes: sum(contents.map(({ length }) => length)),
      gzipped: sum(contents.map((content) => gzipSync(content).length)),
    };
  } finally {
    for (const folder of [page, out]) rmSync(folder, { recursive: true, force: true });
  }
}

const files = sourceFiles().map((file) => ({ ...file, lines: linesOf(file.path) }));
const sources = files.filter(({ isOfTests }) => !isOfTests).sort((a, b) => a.lines - b.lines);
const total = (some: typeof files): number => some.reduce((sum, { lines }) => sum + lines, 0);
const largest = sources.filter(({ path }) => !dataTables.has(path)).at(-1)!;
const { size, files: published } = packed();
const own = published.filter(({ path }) => !path.startsWith("dist/onnxruntime/") && !path.endsWith(".wasm"));
const web = await webBytes();
const [kilobytes, megabytes] = [
  (bytes: number) => `${Math.round(bytes / 1e3)} kB`,
  (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`,
];
const count = (value: number): string => value.toLocaleString("en");

const rows: readonly (readonly [what: string, value: number, most: number, write: (value: number) => string])[] = [
  ["files in src/, without tests", sources.length, limits.files, count],
  ["lines of the median file", sources[sources.length >> 1]!.lines, limits.medianLines, count],
  [`lines of the largest file (${largest.path}; tables of data left out)`, largest.lines, limits.linesOfOneFile, count],
  ["package as npm sends it", size, limits.packedBytes, megabytes],
  ["package unpacked, without ONNX Runtime", own.reduce((sum, one) => sum + one.size, 0), limits.ownBytes, megabytes],
  ["graft-ml/web bundled and minified, without .wasm", web.bytes, limits.webBytes, kilobytes],
  ["the same gzipped", web.gzipped, limits.webGzippedBytes, kilobytes],
];
const out = [
  `${count(total(sources))} lines in src/, and ${count(total(files) - total(sources))} of tests beside them`,
];
for (const [what, value, most, write] of rows)
  out.push(`${value > most ? "OVER " : ""}${what}: ${write(value)} (at most ${write(most)})`);
process.stdout.write(`${out.join("\n")}\n`);
if (rows.some(([, value, most]) => value > most)) process.exitCode = 1;
