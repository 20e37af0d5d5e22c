/**
 * Graft on a machine that knows nothing of it: an empty home, an empty temporary folder, an environment without a word about
 * telemetry, cache or CI (ONNX Runtime reports nothing where `CI` is set, so that a test there would prove nothing). The contents of
 * those folders can be listed afterwards, and with strace every address that a process contacted.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

export interface Alone {
  readonly home: string;
  /** For the files of the test itself: neither home nor temporary folder. */
  readonly work: string;
  /** Starts Node with these arguments. Its `stdout` and `stderr` are pipes. */
  start(args: readonly string[]): ChildProcess;
  /** Runs Node to its end; returns what it printed to `stdout`. Rejects where it ends with anything but 0. */
  run(args: readonly string[]): Promise<string>;
  /** The files in home and temporary folder, from there: `home/.cache/…`. */
  files(): string[];
  /** Calls that looked up a name or spoke to another machine, as strace writes them. */
  foreignCalls(): string[];
}

/** Why calls cannot be traced here, if they cannot. */
export const untraceable: string | undefined = (() => {
  const { error, status } = spawnSync("strace", ["-qq", "-e", "trace=none", process.execPath, "--version"]);
  if (error) return "strace is not installed";
  return status === 0 ? undefined : "strace may not trace here";
})();

const CALLS = "connect,sendto,sendmsg,sendmmsg";

/** Whether a call, as strace writes it, is a name look-up or has an address that is not of this machine. */
export function isForeign(call: string): boolean {
  const port = /_port=htons\((\d+)\)/.exec(call)?.[1];
  const address = /inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"/.exec(call)?.[1];
  if (address === undefined) return /sun_path="[^"]*(?:nscd|resolve)/i.test(call);
  return port === "53" || !/^(?:::ffff:)?127\.|^::1$/.test(address);
}

/** @param traced whether the calls are written down, which slows the processes down */
export function alone({ traced = false }: { readonly traced?: boolean } = {}): Alone {
  const root = mkdtempSync(join(tmpdir(), "graft-alone-"));
  const [home, temporary, work, calls] = ["home", "tmp", "work", "calls"].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const folder of [home, temporary, work, calls]) mkdirSync(folder);
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: temporary, NO_COLOR: "1" };
  let started = 0;
  const start = (args: readonly string[]): ChildProcess => {
    // With -D the traced process has the id that a signal is sent to, and strace is its grandchild.
    const log = join(calls, String(started++));
    const tracing = traced ? ["strace", "-D", "-f", "-qq", "-e", `trace=${CALLS}`, "-o", log] : [];
    const [program, ...rest] = [...tracing, process.execPath, ...args];
    return spawn(program!, rest, { cwd: work, env, stdio: ["ignore", "pipe", "pipe"] });
  };
  return {
    home,
    work,
    start,
    run: (args) =>
      new Promise((resolve, reject) => {
        const child = start(args);
        let [printed, said] = ["", ""];
        child.stdout!.setEncoding("utf8").on("data", (text: string) => {
          printed += text;
        });
        child.stderr!.setEncoding("utf8").on("data", (text: string) => {
          said += text;
        });
        child.on("error", reject);
        child.on("close", (code) =>
          code === 0 ? resolve(printed) : reject(new Error(`node ${args.join(" ")} ended with ${code}: ${said}`)),
        );
      }),
    files: () =>
      [home, temporary].flatMap((folder) =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => !entry.isDirectory())
          .map((entry) => relative(root, join(entry.parentPath, entry.name))),
      ),
    foreignCalls: () =>
      readdirSync(calls)
        .flatMap((name) => readFileSync(join(calls, name), "utf8").split("\n"))
        .filter(isForeign),
  };
}
