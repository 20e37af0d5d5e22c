/**
 * Builds dist/: the library and command line (tsc), ONNX Runtime without its install script, the studio's page and what its
 * stand-alone pages are made of (Vite). Runs on every system that Node runs on; called by `npm run build`.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const require = createRequire(import.meta.url);

/** The program of a package in node_modules, run by this Node: a `.bin` folder has scripts of one kind of shell. */
function run(name, ...args) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  const program = join(dirname(manifest), typeof bin === "string" ? bin : Object.values(bin)[0]);
  const { status, signal, error } = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    stdio: "inherit",
    windowsHide: true,
  });
  if (error) throw error;
  if (status !== 0) {
    process.stderr.write(`${name} ${args.join(" ")} ended with ${signal ?? status}.\n`);
    process.exit(status ?? 1);
  }
}

/** A second name of the file where the system gives it one, else a copy: the libraries are 290 MB. */
function place(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function placeFolder(from, to) {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) placeFolder(source, target);
    else place(source, target);
  }
}

/**
 * `onnxruntime-node` as it is, less its install script, which fetches CUDA's libraries from outside the registry on Linux x64 and
 * fails the whole installation where that host is not reached. See docs/dependencies.md.
 */
function placeOnnxRuntime(to) {
  const manifest = require.resolve("onnxruntime-node/package.json");
  const { name, version, description, author, license, repository, main, types, os, dependencies } = JSON.parse(
    readFileSync(manifest, "utf8"),
  );
  for (const folder of ["bin", "dist"]) placeFolder(join(dirname(manifest), folder), join(to, folder));
  place(join(dirname(manifest), "README.md"), join(to, "README.md"));
  place(join(root, "scripts", "onnxruntime-license.txt"), join(to, "LICENSE"));
  const own = { "onnxruntime-common": dependencies["onnxruntime-common"] };
  const stated = { name, version, description, author, license, repository, main, types, os, dependencies: own };
  writeFileSync(join(to, "package.json"), `${JSON.stringify(stated, null, 2)}\n`);
}

rmSync(dist, { recursive: true, force: true });
run("typescript", "-p", "tsconfig.build.json");
// Windows has no such bit; elsewhere `npx graft` in the clone needs it.
chmodSync(join(dist, "cli", "main.js"), 0o755);
placeOnnxRuntime(join(dist, "onnxruntime"));
run("vite", "build", "studio");
run("vite", "build", "studio", "--mode", "standalone");
