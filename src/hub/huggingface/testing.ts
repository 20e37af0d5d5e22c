/**
 * For tests only: a model hub on this machine with the layout of huggingface.co, and its storage on a port of its own.
 * Either can be made to misbehave.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that a server received. */
export interface Seen {
  readonly server: "hub" | "storage";
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** Answers instead of the hub; returns whether it did. `count` counts the requests, from 1. */
export type Interference = (seen: Seen, response: ServerResponse, count: number) => boolean;

export interface TestHub {
  readonly url: string;
  readonly storageUrl: string;
  readonly seen: Seen[];
  /** The commit of `main`; requests may name it. */
  commit: string;
  interfere: Interference | undefined;
  /** Adds a file to a repository: a large one is in the storage, a small one on the hub itself. */
  publish(repo: string, file: string, bytes: Uint8Array, kind: "large" | "small"): void;
  /** Bytes of files sent so far. */
  sent(): number;
  close(): Promise<void>;
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
export const gitBlobOf = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** Pseudo-random bytes, always the same for a seed. */
export const noise = (length: number, seed = 1): Buffer => {
  let state = seed;
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
};

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Opens a hub and its storage on free ports of this machine. */
export async function openTestHub(): Promise<TestHub> {
  const repos = new Map<string, Map<string, { bytes: Uint8Array; kind: "large" | "small" }>>();
  const stored = new Map<string, Uint8Array>();
  const seen: Seen[] = [];
  let sent = 0;

  const serve = (server: Seen["server"], answer: (request: IncomingMessage, response: ServerResponse) => void) =>
    createServer((request, response) => {
      const { authorization, range } = request.headers;
      const ifRange = request.headers["if-range"]?.toString();
      const at = { server, method: request.method ?? "", path: request.url ?? "", authorization, range, ifRange };
      seen.push(at);
      if (!hub.interfere?.(at, response, seen.length)) answer(request, response);
    });

  const sendBytes = ({ method, headers }: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
    response.setHeader("content-length", bytes.length - from);
    response.setHeader("accept-ranges", "bytes");
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    response.writeHead(from > 0 ? 206 : 200);
    if (method !== "HEAD") sent += bytes.length - from;
    response.end(method === "HEAD" ? undefined : bytes.subarray(from));
  };

  const storage = serve("storage", (request, response) => {
    const bytes = stored.get(request.url ?? "");
    if (!bytes) return void response.writeHead(404).end();
    response.setHeader("etag", `"${sha256Of(bytes).slice(0, 32)}"`);
    sendBytes(request, response, bytes);
  });

  const main = serve("hub", (request, response) => {
    const path = request.url ?? "";
    const direct = /^\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const match = direct ?? /^\/api\/resolve-cache\/models\/(.+\/.+?)\/([^/]+)\/(.+)$/.exec(path);
    const [, repo = "", revision = "", file = ""] = match?.map(decodeURIComponent) ?? [];
    const refuse = (status: number, code: string) =>
      void response.writeHead(status, { "x-error-code": code, "x-error-message": "no" }).end();
    const files = repos.get(repo);
    if (!files) return refuse(401, "RepoNotFound");
    if (revision !== "main" && revision !== hub.commit) return refuse(404, "RevisionNotFound");
    const found = files.get(file);
    if (!found) return refuse(404, "EntryNotFound");
    const { bytes, kind } = found;
    response.setHeader("x-repo-commit", hub.commit);
    if (kind === "large") {
      const location = `${hub.storageUrl}/${sha256Of(bytes)}?signature=abc`;
      const linked = { "x-linked-etag": `"${sha256Of(bytes)}"`, "x-linked-size": bytes.length };
      return void response.writeHead(302, { ...linked, etag: `"${gitBlobOf(bytes)}"`, location }).end();
    }
    if (direct) {
      const location = `/api/resolve-cache/models/${repo}/${hub.commit}/${file}`;
      return void response.writeHead(307, { location }).end();
    }
    response.setHeader("etag", `"${gitBlobOf(bytes)}"`);
    sendBytes(request, response, bytes);
  });

  const hub: TestHub = {
    url: await listen(main),
    storageUrl: await listen(storage),
    seen,
    commit: "c0".repeat(20),
    interfere: undefined,
    publish(repo, file, bytes, kind) {
      const files = repos.get(repo) ?? new Map();
      repos.set(repo, files.set(file, { bytes, kind }));
      stored.set(`/${sha256Of(bytes)}?signature=abc`, bytes);
    },
    sent: () => sent,
    async close() {
      for (const server of [main, storage]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return hub;
}

/** Sends the start of a response and then breaks the connection. */
export function sendAndCut(response: ServerResponse, bytes: Uint8Array, from: number, until: number): void {
  const status = from > 0 ? 206 : 200;
  response.writeHead(status, {
    etag: `"${sha256Of(bytes).slice(0, 32)}"`,
    "content-length": bytes.length - from,
    ...(from > 0 ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  response.write(bytes.subarray(from, until), () => setTimeout(() => response.destroy(), 20));
}
