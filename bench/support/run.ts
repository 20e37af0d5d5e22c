/** Running another program that prints one JSON object on stdout, and timing it from start to exit. */
import { spawn } from "node:child_process";

export interface Run {
  /** Wall-clock seconds of the whole process. */
  readonly seconds: number;
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
  const code = await new Promise<number | null>((done, fail) => child.on("error", fail).on("close", done));
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new Error(`${program} ${args[0]} ended with code ${code}: ${err.trim()}`);
  return { seconds, json: JSON.parse(out) as Record<string, unknown> };
}

/** The number at a path of keys. Throws where there is none. */
export function numberAt(json: unknown, ...keys: readonly string[]): number {
  const value = keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], json);
  if (typeof value !== "number") throw new Error(`The output has no number ${keys.join(".")}.`);
  return value;
}
