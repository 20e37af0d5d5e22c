/**
 * Makes a fresh clone ready: installs the locked dependencies and builds, each only where it is not done yet.
 * Called by `npm run demo` and `npm test`; prints nothing where there is nothing to do.
 */
import { execSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const time = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0);
const newest = (folder) =>
  readdirSync(join(root, folder), { recursive: true }).reduce(
    (latest, file) => Math.max(latest, time(join(folder, file))),
    0,
  );
// Through a shell, because npm is a script of one on Windows.
const run = (command) => execSync(command, { cwd: root, stdio: ["ignore", "ignore", "inherit"], windowsHide: true });

if (time("node_modules/.package-lock.json") < time("package-lock.json")) {
  process.stderr.write("Installing dependencies…\n");
  run("npm ci --no-audit --no-fund --loglevel=error");
}
// What is built last stands for all of dist/.
const parts = ["tsconfig.build.json", "scripts/build.ts", "node_modules/.package-lock.json"].map(time);
if (time("dist/studio-standalone/standalone.js") < Math.max(newest("src"), newest("studio"), ...parts)) {
  process.stderr.write("Building…\n");
  run("npm run --silent build");
}
