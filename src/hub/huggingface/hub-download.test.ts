import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Progress } from "../../base/progress.ts";
import { fetchHubFile } from "./hub-fetch.ts";
import { noise, sendAndCut, sha256Of } from "./testing.ts";
import { blob, main, repo, setScene, weights } from "./testing-scene.ts";

const scene = setScene();

describe("a transfer", () => {
  it("resumes after it was cut off, and requests only the rest", async () => {
    let cuts = 0;
    scene.hub.interfere = ({ server, range }, response) => {
      if (server !== "storage" || ++cuts > 1) return false;
      expect(range).toBeUndefined();
      sendAndCut(response, weights, 0, 120_000);
      return true;
    };
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(scene.waits).toEqual([1000]);
    const { range, ifRange } = scene.hub.seen.at(-1)!;
    expect(range).toMatch(/^bytes=\d+-$/);
    const from = Number(range!.slice("bytes=".length, -1));
    expect(from).toBeGreaterThan(0);
    expect(ifRange).toBe(`"${sha256Of(weights).slice(0, 32)}"`);
    expect(scene.hub.sent()).toBe(weights.length - from);
  });

  it("keeps what arrived when it gives up, and the next run resumes from there", async () => {
    scene.hub.interfere = ({ server, range }, response) => {
      if (server !== "storage") return false;
      if (range === undefined) sendAndCut(response, weights, 0, 120_000);
      else response.writeHead(500).end();
      return true;
    };
    await expect(scene.fetched()).rejects.toThrow(/did not serve .*\(HTTP 500\): try again later/);
    expect(await scene.blobs()).toEqual([`${sha256Of(weights)}.part`]);
    const { size: from } = await stat(join(scene.home, "cache", "huggingface", "blobs", `${sha256Of(weights)}.part`));
    expect(from).toBeGreaterThan(0);
    scene.hub.interfere = undefined;
    const reports: Progress[] = [];
    await fetchHubFile(main, { onProgress: (progress) => reports.push(progress) });
    expect(reports[0]).toMatchObject({ done: from, total: weights.length });
    expect(scene.hub.seen.at(-1)?.range).toBe(`bytes=${from}-`);
    expect(scene.hub.sent()).toBe(weights.length - from);
    expect(await scene.blobs()).toEqual([blob]);
  });

  it("continues as long as each try brings more bytes, and fails when none does", async () => {
    scene.hub.interfere = ({ server, range }, response) => {
      if (server !== "storage") return false;
      const from = Number(/\d+/.exec(range ?? "0")![0]);
      sendAndCut(response, weights, from, Math.min(from + 30_000, 100_000));
      return true;
    };
    await expect(scene.fetched()).rejects.toThrow(
      /repeatedly stopped sending .* after 100000 of 200000 bytes.* to resume/,
    );
    expect(scene.waits.length).toBeGreaterThan(4);
  });

  it("starts again if the server cannot resume or the file has changed", async () => {
    let cuts = 0;
    scene.hub.interfere = ({ server }, response) => {
      if (server !== "storage") return false;
      if (++cuts === 1) sendAndCut(response, weights, 0, 120_000);
      else response.writeHead(200).end(weights);
      return true;
    };
    expect((await scene.fetched()).equals(weights)).toBe(true);
  });

  it("is ended when it falls silent, and resumes", async () => {
    let first = true;
    scene.hub.interfere = ({ server }, response) => {
      if (server !== "storage" || !first) return false;
      first = false;
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 50_000));
      return true;
    };
    const { path } = await fetchHubFile(main, { retryPolicy: { ...scene.retryPolicy, silenceMs: 400 } });
    expect((await readFile(path)).equals(weights)).toBe(true);
    expect(scene.hub.seen.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it("may be slow", async () => {
    scene.hub.interfere = ({ server }, response) => {
      if (server !== "storage") return false;
      response.writeHead(200, { "content-length": weights.length });
      let at = 0;
      const timer = setInterval(() => {
        response.write(weights.subarray(at, at + 20_000));
        at += 20_000;
        if (at < weights.length) return;
        clearInterval(timer);
        response.end();
      }, 110);
      return true;
    };
    const { path } = await fetchHubFile(main, { retryPolicy: { ...scene.retryPolicy, silenceMs: 1000 } });
    expect((await readFile(path)).equals(weights)).toBe(true);
    expect(scene.waits).toEqual([]);
  });

  it("keeps nothing of a file with the wrong hash", async () => {
    scene.hub.interfere = ({ server }, response) => {
      if (server === "storage") response.end(noise(weights.length, 9));
      return server === "storage";
    };
    const failing = scene.fetched();
    await expect(failing).rejects.toThrow(
      `What ${scene.hub.url} sent as ${repo}/model.safetensors is not the expected file (its sha256 differs): nothing was kept`,
    );
    await expect(failing).rejects.toMatchObject({ kind: "work" });
    expect(await scene.blobs()).toEqual([]);
  });

  it("waits as long as a busy hub asks, up to a limit", async () => {
    let count = 0;
    scene.hub.interfere = (_, response) => {
      if (++count > 2) return false;
      const header: Record<string, string> =
        count === 1 ? { "retry-after": "7" } : { ratelimit: '"resolvers";r=0;t=12' };
      response.writeHead(429, header).end();
      return true;
    };
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(scene.waits).toEqual([7000, 12_000]);
    scene.hub.interfere = (_, response) => {
      response.writeHead(429, { "retry-after": "3600" }).end();
      return true;
    };
    await expect(scene.fetched({ ...main, file: "config.json" })).rejects.toThrow(
      "(HTTP 429): try again in 3600 s, set HF_TOKEN for a higher limit, or set HF_ENDPOINT",
    );
    expect(scene.waits).toHaveLength(2);
  });

  it("retries a broken server, each time after a longer wait", async () => {
    scene.hub.interfere = (_, response, count) => {
      if (count <= 2) response.writeHead(count === 1 ? 500 : 503).end();
      return count <= 2;
    };
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(scene.waits).toEqual([1000, 2000]);
  });

  it("asks the hub for a new address when the storage's address has expired", async () => {
    let refused = false;
    scene.hub.interfere = ({ server }, response) => {
      if (server !== "storage" || refused) return false;
      refused = true;
      response.writeHead(403).end();
      return true;
    };
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(scene.hub.seen.map(({ server, method }) => `${server} ${method}`)).toEqual([
      "hub HEAD",
      "hub GET",
      "storage GET",
      "hub GET",
      "storage GET",
    ]);
  });

  it("refuses files that are larger than stated or than the limit", async () => {
    await expect(fetchHubFile(main, { maxBytes: 1000 })).rejects.toThrow(
      "with 200000 bytes, more than the limit of 1000",
    );
    scene.hub.interfere = ({ server }, response) => {
      if (server === "storage") response.end(noise(weights.length + 70_000));
      return server === "storage";
    };
    await expect(scene.fetched()).rejects.toThrow("sends more than the 200000 bytes that it stated");
    // The hub states no size, and the transfer never ends.
    scene.hub.interfere = ({ method }, response) => {
      response.writeHead(200, { "x-repo-commit": scene.hub.commit });
      if (method === "HEAD") response.end();
      else response.write(noise(300_000));
      return true;
    };
    await expect(
      fetchHubFile({ ...main, file: "endless" }, { maxBytes: 250_000, retryPolicy: scene.retryPolicy }),
    ).rejects.toThrow("more than the limit of 250000");
  });
});
