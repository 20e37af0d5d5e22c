/** Running another program that prints one JSON object on stdout, and timing it from start to exit. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

export interface Run {
  /** Wall-clock seconds of the whole process. */
  readonly seconds: number;
  /** The most memory that the process had, in bytes; 0 where the system does not tell. */
  readonly peakBytes: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Runs a program to its end. Throws where it fails or prints anything but one JSON object. */
export async function runJson(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const began = performance.now();
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    err = (err + data.toString()).slice(-4000);
  });
  let peakBytes = 0;
  const look = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await peakOf(child.pid));
  }, LOOK_EVERY);
  const code = await new Promise<number | null>((done, fail) => child.on("error", fail).on("close", done));
  clearInterval(look);
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new Error(`${program} ${args[0]} ended with code ${code}: ${err.trim()}`);
  return { seconds, peakBytes, json: JSON.parse(out) as Record<string, unknown> };
}

/** Milliseconds between two looks at a process's memory. */
const LOOK_EVERY = 100;

/** The peak of a living process's resident memory, as Linux tells it; 0 elsewhere. */
async function peakOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
}

/** The number at a path of keys. Throws if there is no number. */
export function numberAt(json: unknown, ...keys: readonly string[]): number {
  const value = keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], json);
  if (typeof value !== "number") throw new Error(`The output has no number ${keys.join(".")}.`);
  return value;
}
