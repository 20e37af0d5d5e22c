import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Progress } from "../../base/progress.ts";
import type { HubFile } from "./address.ts";
import { fetchHubFile, hubFileInCache } from "./fetch.ts";
import { gitBlobOf, noise, openTestHub, sendAndCut, sha256Of, type TestHub } from "./testing.ts";

const weights = noise(200_000);
const config = Buffer.from('{"architecture":"resnet50"}');
const repo = "timm/resnet50.a1_in1k";

describe("fetchHubFile", () => {
  let home: string;
  let hub: TestHub;
  let waits: number[];
  let patience: { tries: number; firstWait: number; wait: (milliseconds: number) => Promise<void> };
  const main: HubFile = { repo, file: "model.safetensors", revision: "main" };
  const blobs = async () => (await readdir(join(home, "cache", "huggingface", "blobs"))).sort();
  const fetched = async (of: HubFile = main) => await readFile((await fetchHubFile(of, { patience })).path);
  const blob = `${sha256Of(weights)}.safetensors`;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "graft-hub-"));
    hub = await openTestHub();
    hub.publish(repo, "model.safetensors", weights, "large");
    hub.publish(repo, "config.json", config, "small");
    waits = [];
    patience = {
      tries: 3,
      firstWait: 1000,
      wait: async (milliseconds) => {
        waits.push(milliseconds);
      },
    };
    vi.stubEnv("GRAFT_CACHE", join(home, "cache"));
    vi.stubEnv("HF_ENDPOINT", hub.url);
    vi.stubEnv("HF_TOKEN", "");
    vi.stubEnv("HF_HUB_CACHE", join(home, "python"));
    for (const proxy of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]) vi.stubEnv(proxy, "");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub.close();
    await rm(home, { recursive: true, force: true });
  });

  it("fetches, verifies and keeps a large file, and then asks no hub", async () => {
    const told: Progress[] = [];
    const got = await fetchHubFile(main, { onProgress: (progress) => told.push(progress) });
    const path = join(home, "cache", "huggingface", "blobs", blob);
    expect(got).toEqual({ path, sha256: sha256Of(weights), commit: hub.commit, size: weights.length });
    expect((await readFile(path)).equals(weights)).toBe(true);
    expect(await blobs()).toEqual([blob]);
    const stage = "Fetching timm/resnet50.a1_in1k/model.safetensors";
    expect(told[0]).toMatchObject({ stage, done: 0, total: weights.length, unit: "bytes" });
    expect(told.at(-1)).toMatchObject({ done: weights.length, secondsLeft: 0 });

    const asked = hub.seen.length;
    expect(await fetchHubFile(main, { offline: true })).toEqual(got);
    expect(await fetchHubFile({ ...main, revision: hub.commit })).toEqual(got);
    expect(await fetchHubFile({ ...main, sha256: got.sha256 })).toEqual(got);
    expect(await hubFileInCache(main)).toEqual(got);
    expect(await hubFileInCache({ ...main, file: "other.bin" })).toBeUndefined();
    expect(hub.seen).toHaveLength(asked);
  });

  it("fetches a small file through the hub's relative redirect, checked by git's hash", async () => {
    expect((await fetched({ ...main, file: "config.json" })).equals(config)).toBe(true);
    hub.commit = "d1".repeat(20);
    hub.interfere = ({ method, path }, response) => {
      if (method !== "GET" || !path.startsWith("/api/")) return false;
      response.end(config.toString().replace("50", "51"));
      return true;
    };
    await expect(fetched({ ...main, file: "config.json" })).rejects.toThrow(
      "its sha1 differs): nothing of it was kept",
    );
    expect(await blobs()).toEqual([`${sha256Of(config)}.json`]);
  });

  it("asks which commit a branch is, and fetches no content twice", async () => {
    await fetchHubFile(main);
    hub.commit = "d1".repeat(20);
    expect(await fetchHubFile(main)).toMatchObject({ commit: hub.commit, sha256: sha256Of(weights) });
    expect(hub.sent()).toBe(weights.length);
    expect(await hubFileInCache(main)).toMatchObject({ commit: hub.commit });
    hub.publish(repo, "model.safetensors", noise(1000, 7), "large");
    hub.commit = "e2".repeat(20);
    expect((await fetched()).equals(noise(1000, 7))).toBe(true);
  });

  it("resumes a transfer that was cut off, and asks only for the rest", async () => {
    let cuts = 0;
    hub.interfere = ({ server, range }, response) => {
      if (server !== "storage" || ++cuts > 1) return false;
      expect(range).toBeUndefined();
      sendAndCut(response, weights, 0, 120_000);
      return true;
    };
    expect((await fetched()).equals(weights)).toBe(true);
    expect(waits).toEqual([1000]);
    const { range, ifRange } = hub.seen.at(-1)!;
    expect(range).toMatch(/^bytes=\d+-$/);
    const from = Number(range!.slice("bytes=".length, -1));
    expect(from).toBeGreaterThan(0);
    expect(ifRange).toBe(`"${sha256Of(weights).slice(0, 32)}"`);
    expect(hub.sent()).toBe(weights.length - from);
  });

  it("keeps what arrived when it gives up, and the next run goes on from there", async () => {
    hub.interfere = ({ server, range }, response) => {
      if (server !== "storage") return false;
      if (range === undefined) sendAndCut(response, weights, 0, 120_000);
      else response.writeHead(500).end();
      return true;
    };
    await expect(fetched()).rejects.toThrow(/did not serve .*\(HTTP 500\): try again later/);
    expect(await blobs()).toEqual([`${sha256Of(weights)}.part`]);
    const { size: from } = await stat(join(home, "cache", "huggingface", "blobs", `${sha256Of(weights)}.part`));
    expect(from).toBeGreaterThan(0);
    hub.interfere = undefined;
    const told: Progress[] = [];
    await fetchHubFile(main, { onProgress: (progress) => told.push(progress) });
    expect(told[0]).toMatchObject({ done: from, total: weights.length });
    expect(hub.seen.at(-1)?.range).toBe(`bytes=${from}-`);
    expect(hub.sent()).toBe(weights.length - from);
    expect(await blobs()).toEqual([blob]);
  });

  it("goes on as long as each try brings more, and says so when none does", async () => {
    hub.interfere = ({ server, range }, response) => {
      if (server !== "storage") return false;
      const from = Number(/\d+/.exec(range ?? "0")![0]);
      sendAndCut(response, weights, from, Math.min(from + 30_000, 100_000));
      return true;
    };
    await expect(fetched()).rejects.toThrow(/broke off .* after 100000 of 200000 bytes.* goes on from there/);
    expect(waits.length).toBeGreaterThan(4);
  });

  it("begins anew where the server does not resume, or the file is another by now", async () => {
    let cuts = 0;
    hub.interfere = ({ server }, response) => {
      if (server !== "storage") return false;
      if (++cuts === 1) sendAndCut(response, weights, 0, 120_000);
      else response.writeHead(200).end(weights);
      return true;
    };
    expect((await fetched()).equals(weights)).toBe(true);
  });

  it("ends a transfer that falls silent, and goes on", async () => {
    let first = true;
    hub.interfere = ({ server }, response) => {
      if (server !== "storage" || !first) return false;
      first = false;
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 50_000));
      return true;
    };
    const { path } = await fetchHubFile(main, { patience: { ...patience, silence: 150 } });
    expect((await readFile(path)).equals(weights)).toBe(true);
    expect(hub.seen.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it("takes a slow transfer for a good one", async () => {
    hub.interfere = ({ server }, response) => {
      if (server !== "storage") return false;
      response.writeHead(200, { "content-length": weights.length });
      let at = 0;
      const timer = setInterval(() => {
        response.write(weights.subarray(at, at + 20_000));
        at += 20_000;
        if (at < weights.length) return;
        clearInterval(timer);
        response.end();
      }, 25);
      return true;
    };
    const { path } = await fetchHubFile(main, { patience: { ...patience, silence: 150 } });
    expect((await readFile(path)).equals(weights)).toBe(true);
    expect(waits).toEqual([]);
  });

  it("keeps nothing of a file with the wrong hash", async () => {
    hub.interfere = ({ server }, response) => {
      if (server === "storage") response.end(noise(weights.length, 9));
      return server === "storage";
    };
    const failing = fetched();
    await expect(failing).rejects.toThrow(
      `What ${hub.url} sent as ${repo}/model.safetensors is not the file it should be (its sha256 differs): nothing of it was kept`,
    );
    await expect(failing).rejects.toMatchObject({ kind: "work" });
    expect(await blobs()).toEqual([]);
  });

  it("takes only the pinned file, and says so before anything is transferred", async () => {
    const pinned = { ...main, sha256: sha256Of(config) };
    await expect(fetched(pinned)).rejects.toThrow(/offers another .* than is pinned \(sha256 [0-9a-f]{12}… instead of/);
    expect(hub.sent()).toBe(0);
    // Where the hub tells no hash, the pin alone decides.
    hub.publish(repo, "small.json", config, "small");
    expect((await fetched({ ...pinned, file: "small.json" })).equals(config)).toBe(true);
    await expect(fetched({ ...main, file: "config.json", sha256: sha256Of(weights) })).rejects.toThrow(
      "sha256 differs",
    );
  });

  it("holds a commit's file to what it was when it first came", async () => {
    const { path } = await fetchHubFile(main);
    await rm(path);
    hub.publish(repo, "model.safetensors", noise(5000, 3), "large");
    await expect(fetched({ ...main, revision: hub.commit })).rejects.toThrow("than was fetched before");
    hub.publish(repo, "model.safetensors", weights, "large");
    expect((await fetched()).equals(weights)).toBe(true);
  });

  it("fetches anew what was damaged in the cache", async () => {
    const { path } = await fetchHubFile(main);
    await writeFile(path, "short");
    expect((await fetched()).equals(weights)).toBe(true);
    const records = join(home, "cache/huggingface/models/timm--resnet50.a1_in1k/commits", hub.commit);
    await writeFile(join(records, "model.safetensors.json"), '{"sha');
    expect((await fetched()).equals(weights)).toBe(true);
    expect(hub.sent()).toBe(2 * weights.length);
  });

  it("waits as long as a busy hub asks, and not longer than is sensible", async () => {
    let count = 0;
    hub.interfere = (_, response) => {
      if (++count > 2) return false;
      const header: Record<string, string> =
        count === 1 ? { "retry-after": "7" } : { ratelimit: '"resolvers";r=0;t=12' };
      response.writeHead(429, header).end();
      return true;
    };
    expect((await fetched()).equals(weights)).toBe(true);
    expect(waits).toEqual([7000, 12_000]);
    hub.interfere = (_, response) => {
      response.writeHead(429, { "retry-after": "3600" }).end();
      return true;
    };
    await expect(fetched({ ...main, file: "config.json" })).rejects.toThrow(
      "(HTTP 429): try again in 3600 s, set HF_TOKEN to be allowed more, or set HF_ENDPOINT",
    );
    expect(waits).toHaveLength(2);
  });

  it("asks a broken server again, each time after a longer wait", async () => {
    hub.interfere = (_, response, count) => {
      if (count <= 2) response.writeHead(count === 1 ? 500 : 503).end();
      return count <= 2;
    };
    expect((await fetched()).equals(weights)).toBe(true);
    expect(waits).toEqual([1000, 2000]);
  });

  it("asks the hub for a new address when the storage's has run out", async () => {
    let refused = false;
    hub.interfere = ({ server }, response) => {
      if (server !== "storage" || refused) return false;
      refused = true;
      response.writeHead(403).end();
      return true;
    };
    expect((await fetched()).equals(weights)).toBe(true);
    expect(hub.seen.map(({ server, method }) => `${server} ${method}`)).toEqual([
      "hub HEAD",
      "hub GET",
      "storage GET",
      "hub GET",
      "storage GET",
    ]);
  });

  it("shows the token to the hub and to nobody else", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret");
    await fetched();
    await fetched({ ...main, file: "config.json" });
    expect(new Set(hub.seen.filter(({ server }) => server === "hub").map((seen) => seen.authorization))).toEqual(
      new Set(["Bearer hf_secret"]),
    );
    const stored = hub.seen.filter(({ server }) => server === "storage");
    expect(stored.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it("follows a renamed repository and a mirror that sends on to the hub", async () => {
    hub.interfere = ({ path, server }, response) => {
      if (server !== "hub" || !path.startsWith("/old/")) return false;
      response.writeHead(307, { location: path.replace("/old/", "/timm/") }).end();
      return true;
    };
    expect((await fetched({ ...main, repo: "old/resnet50.a1_in1k" })).equals(weights)).toBe(true);
    const mirror = await openTestHub();
    mirror.interfere = ({ path }, response) => {
      response.writeHead(308, { location: `${hub.url}${path.replace("/hf/", "/")}` }).end();
      return true;
    };
    vi.stubEnv("HF_ENDPOINT", `${mirror.url}/hf/`);
    vi.stubEnv("HF_TOKEN", "hf_secret");
    expect((await fetched({ ...main, file: "config.json" })).equals(config)).toBe(true);
    expect(hub.seen.map(({ authorization }) => authorization)).not.toContain("Bearer hf_secret");
    await mirror.close();
  });

  it.each([
    ["a loop", (path: string) => path, "more than 10 times"],
    ["another scheme", () => "file:///etc/passwd", "no plain http(s) one"],
    ["a password", () => "http://a:b@127.0.0.1/", "no plain http(s) one"],
    ["nonsense", () => "http://[", "to an address that is none"],
  ])("does not follow %s", async (_, location, sentence) => {
    hub.interfere = ({ path }, response) => {
      response.writeHead(302, { location: location(path) }).end();
      return true;
    };
    await expect(fetched()).rejects.toThrow(sentence);
  });

  it.each([
    [
      "a file it has not",
      { ...main, file: "no.bin" },
      /resnet50.a1_in1k has no file no.bin at revision main: see http/,
    ],
    ["a revision it has not", { ...main, revision: "v9" }, /has no revision v9: give a commit, branch or tag/],
    [
      "a repository it has not",
      { ...main, repo: "timm/no" },
      /has no repository timm\/no that all may read \(HTTP 401\)/,
    ],
  ])("says what to do about %s", async (_, of, sentence) => {
    const failing = fetched(of);
    await expect(failing).rejects.toThrow(sentence);
    await expect(failing).rejects.toMatchObject({ kind: "work" });
    expect(waits).toEqual([]);
  });

  it.each([
    [
      401,
      "GatedRepo",
      "",
      /only for those who accepted its licence .*: accept it at .*resnet50.a1_in1k and set HF_TOKEN to a/,
    ],
    [403, "GatedRepo", "hf_mine", /set HF_TOKEN to a token that may read it \(the one set may not\)/],
    [403, "", "", /only for those who accepted its licence/],
    [401, "", "hf_mine", /that the token in HF_TOKEN may read/],
    [404, "", "", /has no timm.*model.safetensors at revision main \(HTTP 404\)/],
    [418, "", "", /refused .* \(HTTP 418\)/],
  ])("says what a %i (%s) means", async (status, code, token, sentence) => {
    vi.stubEnv("HF_TOKEN", token);
    hub.interfere = (_, response) => {
      response.writeHead(status, { "x-error-code": code, "x-error-message": "hf_secret <b>" }).end();
      return true;
    };
    const failing = fetched();
    await expect(failing).rejects.toThrow(sentence);
    await expect(failing).rejects.not.toThrow(/hf_/);
  });

  it("says what to do without a network, and without leave to use it", async () => {
    await hub.close();
    await expect(fetched()).rejects.toThrow(
      `Could not reach ${hub.url} (ECONNREFUSED): check the connection, set HF_ENDPOINT to a mirror, or pass a file with --weights.`,
    );
    expect(waits).toEqual([]);
    vi.stubEnv("HTTPS_PROXY", "http://proxy:3128");
    await expect(fetched()).rejects.toThrow("HTTPS_PROXY is used where NODE_USE_ENV_PROXY=1 is set");
    await expect(fetchHubFile(main, { offline: true })).rejects.toThrow(
      "is not in the cache and Graft works offline: run once without --offline",
    );
    hub = await openTestHub();
  });

  it.each([
    ["negative", "-5"],
    ["in words", "many"],
    ["of 10^20", "100000000000000000000"],
  ])("refuses an announced size that is %s", async (_, size) => {
    hub.interfere = (_, response) => {
      response.writeHead(302, { "x-linked-size": size, "x-repo-commit": hub.commit, location: "/x" }).end();
      return true;
    };
    await expect(fetched()).rejects.toThrow("announces a size that is no number of bytes");
  });

  it("refuses files that are larger than announced or than sensible", async () => {
    await expect(fetchHubFile(main, { maxBytes: 1000 })).rejects.toThrow("with 200000 bytes, more than the 1000 that");
    hub.interfere = ({ server }, response) => {
      if (server === "storage") response.end(noise(weights.length + 70_000));
      return server === "storage";
    };
    await expect(fetched()).rejects.toThrow("sends more than the 200000 bytes that it announced");
    // Nothing is announced, and it never ends.
    hub.interfere = ({ method }, response) => {
      response.writeHead(200, { "x-repo-commit": hub.commit });
      if (method === "HEAD") response.end();
      else response.write(noise(300_000));
      return true;
    };
    await expect(fetchHubFile({ ...main, file: "endless" }, { maxBytes: 250_000, patience })).rejects.toThrow(
      "more than the 250000 that Graft takes",
    );
  });

  it("refuses a length that is no HTTP", async () => {
    hub.interfere = (_, response) => {
      response.socket?.end("HTTP/1.1 200 OK\r\ncontent-length: 1e99\r\n\r\n");
      return true;
    };
    await expect(fetched()).rejects.toThrow("something that is no sound HTTP (HPE_");
  });

  it("refuses a hub that answers with another commit, or with none", async () => {
    const asked = { ...main, revision: "d1".repeat(20) };
    hub.interfere = (_, response) => {
      response.writeHead(200, { "x-repo-commit": hub.commit, "content-length": 5 }).end();
      return true;
    };
    await expect(fetched(asked)).rejects.toThrow("answers with another commit than d1d1");
    hub.interfere = (_, response) => {
      response.writeHead(200, { "content-length": 5 }).end();
      return true;
    };
    await expect(fetched()).rejects.toThrow("does not say which commit main is (no X-Repo-Commit)");
  });

  it("takes a plain web server with the hub's paths for a mirror, where the commit is named", async () => {
    hub.interfere = ({ method }, response) => {
      response.setHeader("content-length", weights.length);
      response.end(method === "HEAD" ? undefined : weights);
      return true;
    };
    const of = { ...main, revision: hub.commit };
    expect((await fetched(of)).equals(weights)).toBe(true);
    expect(await hubFileInCache(of)).toMatchObject({ sha256: sha256Of(weights) });
  });

  it.each([
    { file: "../evil" },
    { file: "/etc/passwd" },
    { file: "a//b" },
    { file: "a/./b" },
    { file: "a\\..\\b" },
    { file: "a\0b" },
    { file: "" },
    { file: "x".repeat(300) },
    { repo: ".." },
    { repo: "a/b/c" },
    { repo: "a/.." },
    { repo: "http://x/y" },
    { repo: "a?b" },
    { revision: ".." },
    { revision: "a/../../b" },
    { revision: "" },
    { revision: "main branch" },
    { sha256: "abc" },
  ])("refuses %j before asking anyone", async (change) => {
    await expect(fetched({ ...main, ...change })).rejects.toMatchObject({ kind: "usage" });
    await expect(hubFileInCache({ ...main, ...change })).rejects.toMatchObject({ kind: "usage" });
    expect(hub.seen).toEqual([]);
    expect(await readdir(home)).toEqual([]);
  });

  it("keeps files of odd but lawful names inside its cache", async () => {
    for (const file of ["onnx/model (1).onnx", "a/b/c.d/..e", "ä*ö.bin", "con"]) {
      hub.publish(repo, file, Buffer.from(file), "large");
      expect((await fetched({ ...main, file })).toString()).toBe(file);
    }
    const records = join(home, "cache/huggingface/models/timm--resnet50.a1_in1k/commits", hub.commit);
    expect((await readdir(records)).sort()).toEqual([
      "%C3%A4%2A%C3%B6.bin.json",
      "a%2Fb%2Fc.d%2F..e.json",
      "con.json",
      "onnx%2Fmodel%20(1).onnx.json",
    ]);
    expect(await readdir(home)).toEqual(["cache"]);
  });

  it.each([["ftp://x"], ["huggingface.co"], ["https://ada:secret@host"], ["https://host?a=b"]])(
    "refuses HF_ENDPOINT=%s, and shows no password",
    async (endpoint) => {
      vi.stubEnv("HF_ENDPOINT", endpoint);
      const failing = fetched();
      await expect(failing).rejects.toThrow("HF_ENDPOINT must be a plain http(s) address");
      await expect(failing).rejects.not.toThrow("secret");
    },
  );

  it("fetches once for several callers at the same time", async () => {
    const all = await Promise.all([main, main, { ...main, sha256: sha256Of(weights) }].map((of) => fetchHubFile(of)));
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    expect(hub.sent()).toBe(weights.length);
  });

  describe("with the cache of Python's huggingface_hub", () => {
    const put = async (file: string, bytes: Uint8Array, name: string) => {
      const model = join(home, "python", "models--timm--resnet50.a1_in1k");
      for (const folder of ["refs", "blobs", `snapshots/${hub.commit}`]) {
        await mkdir(join(model, folder), { recursive: true });
      }
      await writeFile(join(model, "refs", "main"), hub.commit);
      await writeFile(join(model, "blobs", name), bytes, { mode: 0o444 });
      await symlink(`../../blobs/${name}`, join(model, "snapshots", hub.commit, file));
    };

    it("takes a file from there, without a network even", async () => {
      await put("model.safetensors", weights, sha256Of(weights));
      await put("config.json", config, gitBlobOf(config));
      const got = await fetchHubFile(main, { offline: true });
      expect(got).toMatchObject({ sha256: sha256Of(weights), commit: hub.commit });
      expect(got.path).toBe(join(home, "cache", "huggingface", "blobs", blob));
      expect(await fetchHubFile({ ...main, file: "config.json", revision: hub.commit })).toMatchObject({
        sha256: sha256Of(config),
      });
      expect(hub.seen).toEqual([]);
      expect(await blobs()).toHaveLength(2);
    });

    it("asks the hub for a branch's commit, but not for bytes that are there", async () => {
      await put("model.safetensors", weights, sha256Of(weights));
      await fetchHubFile(main);
      expect(hub.seen.map(({ method }) => method)).toEqual(["HEAD"]);
    });

    it("does not trust it", async () => {
      await put("model.safetensors", noise(500), sha256Of(weights));
      await expect(fetchHubFile(main, { offline: true })).rejects.toThrow("works offline");
      expect((await fetched()).equals(weights)).toBe(true);
      expect(await blobs()).toEqual([blob]);
    });
  });
});
