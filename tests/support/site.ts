/** A web site on this machine for tests: a page bundled for the browser, and files beside it. */
import { mkdtempSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "vite";

/** A file of a site: a path on disk or the content itself; with headers of its own, where it needs some. */
export type SiteFile = string | Uint8Array;

export interface Site {
  readonly origin: string;
  /** Puts a file at an address, `/model.onnx`. */
  put(address: string, file: SiteFile): void;
  /** The requests so far, by URL. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export interface SiteOptions {
  /** Sent with every response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The headers that make a page cross-origin isolated, so that it may have threads. */
export const isolation: Readonly<Record<string, string>> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
};

/** Bundles the page in a folder (with an `index.html`) as an application would be; returns the output folder. */
export async function bundlePage(root: string, { minify = false } = {}): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), "graft-site-"));
  await build({
    root,
    configFile: false,
    logLevel: "error",
    build: { outDir, emptyOutDir: true, target: "es2022", minify },
    worker: { format: "es" },
  });
  return outDir;
}

/** Serves a folder. */
export async function serveSite(folder: string, { headers = {} }: SiteOptions = {}): Promise<Site> {
  const files = new Map<string, SiteFile>();
  const requests: string[] = [];
  const read = async (address: string): Promise<Uint8Array | undefined> => {
    const file = files.get(address) ?? join(folder, address);
    if (typeof file !== "string") return file;
    return (await stat(file).catch(() => undefined))?.isFile() ? readFile(file) : undefined;
  };
  const server = createServer(async ({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const address = pathname === "/" ? "/index.html" : pathname;
    requests.push(address);
    const body = await read(address);
    const type = types[extname(address)] ?? "application/octet-stream";
    response.writeHead(body ? 200 : 404, { "content-type": body ? type : "text/plain", ...headers });
    response.end(body ?? "not here");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put: (address, file) => files.set(address, file),
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
