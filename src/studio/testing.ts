/** A studio for tests, in this process or in its own, on a free port, with its own project. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { OwnNetwork } from "./advice.ts";
import { runStudio } from "./studio.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AskOptions {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** Whether the request has the token, as a program's does. Default true. */
  readonly known?: boolean | undefined;
}

export interface TestStudio {
  readonly folder: string;
  readonly port: number;
  readonly token: string;
  /** A request with arbitrary headers, which `fetch` would not send. */
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** The JSON of a successful request. */
  json<T>(path: string, options?: AskOptions): Promise<T>;
  close(): Promise<void>;
}

const jsonHeaders = { "Content-Type": "application/json" };
/** Options of a request with a JSON body. */
export const posting = (body: object, method = "POST"): AskOptions => ({
  method,
  headers: jsonHeaders,
  body: JSON.stringify(body),
});

export async function startStudio(
  folder = mkdtempSync(join(tmpdir(), "graft-studio-")),
  networks: readonly OwnNetwork[] = [],
  stallMs?: number,
  onNotice?: (notice: string) => void,
): Promise<TestStudio> {
  if (!existsSync(main)) throw new Error("dist/ is missing: run `npm run build` (npm test does) before these tests.");
  const controller = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  const { url, token } = await new Promise<{ url: string; token: string }>((resolve, reject) => {
    ended = runStudio({
      folder,
      port: 0,
      command: [process.execPath, main],
      networks,
      stallMs,
      onNotice,
      signal: controller.signal,
      onListening: resolve,
    });
    ended.catch(reject);
  });
  const port = Number(new URL(url).port);
  const ask: TestStudio["ask"] = (path, { method = "GET", headers = {}, body, known = true } = {}) =>
    new Promise((resolve, reject) => {
      const own = known ? { Authorization: `Bearer ${token}` } : {};
      const sent = request(
        { host: "127.0.0.1", port, path, method, headers: { ...own, ...headers }, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString("utf8"),
            }),
          );
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  return {
    folder,
    port,
    token,
    ask,
    async json<T>(path: string, options?: AskOptions) {
      const { status, body } = await ask(path, options);
      if (status >= 400) throw new Error(`${options?.method ?? "GET"} ${path} was answered ${status}: ${body}`);
      return JSON.parse(body) as T;
    },
    async close() {
      controller.abort();
      await ended;
    },
  };
}

/** A studio in its own process, which can be killed. */
export async function spawnStudio(
  folder: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{
  readonly link: string;
  readonly url: string;
  readonly token: string;
  /** Resident memory in bytes; 0 if the system does not report it. */
  memory(): number;
  kill(): Promise<void>;
  end(): Promise<void>;
}> {
  const child = spawn(process.execPath, [main, "studio", folder, "--port", "0", "--json", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) resolve(text);
    });
    void closed.then(() => reject(new Error(`graft studio ended: ${text}`)));
  });
  const place = JSON.parse(line) as { link: string; url: string; token: string };
  return {
    ...place,
    memory() {
      if (process.platform !== "linux") return 0;
      return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]);
    },
    async kill() {
      child.kill("SIGKILL");
      await closed;
    },
    /** In an orderly way, including trainings. */
    async end() {
      child.kill("SIGTERM");
      await closed;
    },
  };
}
