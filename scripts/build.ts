/**
 * Builds dist/: the library and command line (tsc), ONNX Runtime without its install script, the studio's page and what its
 * stand-alone pages are made of (Vite). Runs on every system that Node runs on; called by `npm run build`.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { linkFile, linkFolder } from "./support/link-folder.ts";
import { runProgram } from "./support/program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

function run(name: string, ...args: string[]): void {
  const status = runProgram(root, name, args);
  if (status === 0) return;
  process.stderr.write(`${name} ${args.join(" ")} ended with ${status}.\n`);
  process.exit(status);
}

/** Of the manifest of `onnxruntime-node`, what a package without scripts needs. */
const STATED = ["name", "version", "description", "author", "license", "repository", "main", "types", "os"];

/**
 * `onnxruntime-node` as it is, less its install script, which fetches CUDA's libraries from outside the registry on Linux x64 and
 * fails the whole installation where that host cannot be reached. See docs/dependencies.md.
 */
function placeOnnxRuntime(to: string): void {
  const path = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const from = dirname(path);
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> & {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const folder of ["bin", "dist"]) linkFolder(join(from, folder), join(to, folder));
  linkFile(join(from, "README.md"), join(to, "README.md"));
  linkFile(join(root, "scripts", "onnxruntime-license.txt"), join(to, "LICENSE"));
  const common = "onnxruntime-common";
  const stated = Object.fromEntries(STATED.map((name) => [name, manifest[name]]));
  const own = { ...stated, dependencies: { [common]: manifest.dependencies[common] } };
  writeFileSync(join(to, "package.json"), `${JSON.stringify(own, null, 2)}\n`);
}

rmSync(dist, { recursive: true, force: true });
run("typescript", "-p", "tsconfig.build.json");
// Windows has no such bit; elsewhere `npx graft` in the clone needs it.
chmodSync(join(dist, "cli", "main.js"), 0o755);
placeOnnxRuntime(join(dist, "onnxruntime"));
run("vite", "build", "studio");
run("vite", "build", "studio", "--mode", "standalone");
