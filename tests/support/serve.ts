/** `graft serve` as a person runs it: a process of its own on a free port, with its responses and its log. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Serving {
  readonly url: string;
  readonly port: number;
  readonly log: readonly LogLine[];
  /** The log as it was written. */
  logText(): string;
  /** Sends a signal; by default the one that asks for a graceful end. */
  signal(name?: NodeJS.Signals): void;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  /** Waits until the log has such a line. */
  logged(isIt: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resident memory in bytes, as the server's metrics tell. */
  memory(): Promise<number>;
}

/** Servers that a test left running end with it. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts it, and waits until it listens. */
export async function startServe(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const child = spawn(process.execPath, [main, "serve", "--port", "0", "--json", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.on("close", () => running.delete(child));
  const log: LogLine[] = [];
  const listeners = new Set<() => void>();
  let [text, rest] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (more: string) => {
    text += more;
    const lines = (rest + more).split("\n");
    rest = lines.pop()!;
    log.push(...lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine));
    for (const look of listeners) look();
  });
  const ended = new Promise<number | null>((done) => child.on("close", done));
  const { url } = await new Promise<{ url: string }>((done, fail) => {
    child.stdout.setEncoding("utf8").once("data", (line: string) => done(JSON.parse(line) as { url: string }));
    void ended.then((code) => fail(new Error(`graft serve ended with ${code}: ${text}`)));
  });
  return {
    url,
    port: Number(new URL(url).port),
    log,
    logText: () => text,
    ended,
    signal: (name = "SIGTERM") => child.kill(name),
    logged: (isIt) =>
      new Promise((done) => {
        const look = (): void => {
          const line = log.find(isIt);
          if (!line) return;
          listeners.delete(look);
          done(line);
        };
        listeners.add(look);
        look();
      }),
    async memory() {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return Number(/^process_resident_memory_bytes (\d+)$/m.exec(metrics)![1]);
    },
  };
}

/** What came back on a raw connection until it was closed. */
export interface RawAnswer {
  /** 0 where there was none. */
  readonly status: number;
  readonly text: string;
}

/**
 * Sends raw bytes to a server.
 *
 * @param talk what to send; the connection stays open until the server closes it or `talk` ends it
 */
export function raw(port: number, talk: (socket: Socket) => void): Promise<RawAnswer> {
  return new Promise((done) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    let text = "";
    socket.setEncoding("latin1").on("data", (more: string) => {
      text += more;
    });
    socket.on("end", () => socket.end());
    // A reset after the response is the server's way to stop a client that continues to send.
    socket.on("error", () => {});
    socket.on("close", () => done({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }));
    socket.on("connect", () => talk(socket));
  });
}
