/** A server as a process: started, waited for, put under load, its memory watched, ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { numberAt, runJson } from "../support/run.ts";
import { ROOT } from "../support/shared.ts";

export interface Load {
  readonly folder: string;
  readonly clients: number;
  readonly seconds: number;
}

/** What a server did under load. */
export interface Served {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  /** Memory of all its processes in bytes, in the first and the last quarter of the time: the largest seen. */
  readonly memory: { readonly early: number; readonly late: number };
  /** Share of one core that the load generator took. */
  readonly generatorCores: number;
}

/** Runs a server, and ends it whatever happens. It must answer `POST {url}/predict` once it is up. */
export async function underLoad(
  program: string,
  args: readonly string[],
  url: string,
  { folder, clients, seconds }: Load,
): Promise<Served> {
  // Its log is written, as anyone's would be, to nowhere.
  const server = spawn(program, args, { stdio: ["ignore", "ignore", "ignore"] });
  try {
    await untilUp(url, server);
    const [early, late]: [number[], number[]] = [[], []];
    const began = performance.now();
    const watch = setInterval(() => {
      const share = (performance.now() - began) / 1000 / seconds;
      if (share < 0.25) early.push(memoryOf(server.pid!));
      else if (share > 0.75) late.push(memoryOf(server.pid!));
    }, 250);
    const generator = join(ROOT, "bench", "serve", "load.ts");
    const settings = [`${url}/predict`, folder, `${clients}`, `${seconds}`, "3"];
    const { json } = await runJson(process.execPath, ["--import", "tsx", generator, ...settings]);
    clearInterval(watch);
    return {
      perSecond: numberAt(json, "requests") / numberAt(json, "seconds"),
      p50Ms: numberAt(json, "p50_ms"),
      p99Ms: numberAt(json, "p99_ms"),
      failed: numberAt(json, "failed"),
      memory: { early: Math.max(0, ...early), late: Math.max(0, ...late) },
      generatorCores: numberAt(json, "cpu_seconds") / numberAt(json, "seconds"),
    };
  } finally {
    await end(server);
  }
}

async function untilUp(url: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (server.exitCode !== null) throw new Error(`The server at ${url} ended with code ${server.exitCode}.`);
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  throw new Error(`The server at ${url} did not come up within a minute.`);
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const ended = new Promise((done) => server.once("exit", done));
  server.kill("SIGTERM");
  const forced = setTimeout(() => server.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(forced);
}

/** Resident memory of a process and its children in bytes; 0 where the system does not tell (only Linux does here). */
function memoryOf(pid: number): number {
  try {
    const own = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    return own + children.reduce((sum, child) => sum + memoryOf(Number(child)), 0);
  } catch {
    return 0;
  }
}

/** The paths of every JPEG below a folder, in order. */
export async function jpegsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(({ name }) => name.endsWith(".jpg"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
