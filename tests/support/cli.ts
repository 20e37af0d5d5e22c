/** The built command line as a person runs it: a process of its own, with a cache of its own. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The result of a finished process. */
export interface Finished {
  /** The exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  /** Stops the process where it is, alive (SIGSTOP). */
  pause(): void;
  /** Ends it without a chance to tidy up (SIGKILL). */
  kill(): void;
  readonly finished: Promise<Finished>;
}

/** A new empty folder under the system's temporary one. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "graft-cli-"));

/** Starts `graft` with these arguments and this cache folder. */
export function startGraft(args: readonly string[], cache: string): Started {
  if (!existsSync(main)) throw new Error("dist/ is missing: run `npm run build` (npm test does) before these tests.");
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, GRAFT_CACHE: cache, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { pid: child.pid!, pause: () => child.kill("SIGSTOP"), kill: () => child.kill("SIGKILL"), finished };
}

/** Runs `graft` to its end. */
export const graft = (args: readonly string[], cache: string): Promise<Finished> => startGraft(args, cache).finished;

/** What `graft predict --json` prints. */
export interface Predicted<T> {
  readonly predictions: readonly T[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly stopped?: true;
  readonly error?: string;
}

/** Runs `graft predict`, which must succeed, and returns its predictions. */
export const graftPredict = async <T>(args: readonly string[], cache: string): Promise<readonly T[]> =>
  (await graftJson<Predicted<T>>(["predict", ...args], cache)).predictions;

/** Runs `graft`, which must succeed, and returns the JSON value on its stdout. */
export async function graftJson<T>(args: readonly string[], cache: string): Promise<T> {
  const { code, stdout, stderr } = await graft([...args, "--json"], cache);
  if (code !== 0) throw new Error(`graft ${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
