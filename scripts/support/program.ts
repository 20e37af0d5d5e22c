/** Programs of the packages in node_modules, run by this Node. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

interface Manifest {
  readonly bin: string | Readonly<Record<string, string>>;
}

/**
 * Runs the first program of a package in a folder, without the help of a `.bin` folder, whose scripts are for one kind of shell.
 *
 * @param folder where it runs, and whose node_modules has the package
 * @returns its exit code; 1 where a signal ended it
 */
export function runProgram(folder: string, name: string, args: readonly string[]): number {
  const manifest = createRequire(join(folder, "package.json")).resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as Manifest;
  const program = join(dirname(manifest), typeof bin === "string" ? bin : Object.values(bin)[0]!);
  const { status, error } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    stdio: "inherit",
    windowsHide: true,
  });
  if (error) throw error;
  return status ?? 1;
}
