/**
 * For tests only: small tarballs, including malicious ones, and an npm registry on this machine that serves them.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { NpmPackage } from "./npm-packages.ts";

export { type TestEntry, tarballOf } from "../../../tests/support/tar.ts";

/** `sha512-…` of bytes. */
export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

/** Sends a tarball, possibly damaged. `attempt` counts from 1. */
export type Answer = (response: ServerResponse, tarball: Buffer, attempt: number) => void;

export interface TestRegistry {
  readonly url: string;
  /** Paths requested so far. */
  readonly requests: string[];
  /** The Authorization headers of the requests. */
  readonly authorizations: (string | undefined)[];
  /** Publishes a package and returns its pinned name. */
  publish(name: string, version: string, tarball: Buffer, answer?: Answer): NpmPackage;
  close(): Promise<void>;
}

const whole: Answer = (response, tarball) => {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": tarball.length });
  response.end(tarball);
};

/** Opens a registry on a free port of this machine. */
export async function openTestRegistry(): Promise<TestRegistry> {
  const pages = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    requests.push(path);
    authorizations.push(request.headers.authorization);
    const page = pages.get(path);
    if (page) page(request, response);
    else response.writeHead(404, { "content-type": "application/json" }).end('{"error":"Not found"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    requests,
    authorizations,
    publish(name, version, tarball, answer = whole) {
      const integrity = integrityOf(tarball);
      const path = `/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
      const manifest = { name, version, dist: { tarball: `${url.slice(0, -1)}${path}`, integrity } };
      pages.set(`/${name}`, (_, response) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: manifest } }));
      });
      let attempt = 0;
      pages.set(path, (_, response) => answer(response, tarball, ++attempt));
      return { package: name, version, integrity, tarballSize: tarball.length };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
