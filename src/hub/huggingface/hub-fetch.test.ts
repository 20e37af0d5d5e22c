import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { heardNotices } from "../../../tests/support/notices.ts";
import type { Progress } from "../../base/progress.ts";
import { fetchHubFile, hubFileInCache } from "./hub-fetch.ts";
import { noise, sha256Of } from "./testing.ts";
import { blob, config, main, repo, setScene, weights } from "./testing-scene.ts";

heardNotices();

const scene = setScene();

describe("fetchHubFile", () => {
  it("fetches, verifies and keeps a large file, and later needs no hub", async () => {
    const reports: Progress[] = [];
    const got = await fetchHubFile(main, { onProgress: (progress) => reports.push(progress) });
    const path = join(scene.home, "cache", "huggingface", "blobs", blob);
    expect(got).toEqual({ path, sha256: sha256Of(weights), commit: scene.hub.commit, size: weights.length });
    expect((await readFile(path)).equals(weights)).toBe(true);
    expect(await scene.blobs()).toEqual([blob]);
    const stage = "Fetching timm/resnet50.a1_in1k/model.safetensors";
    expect(reports[0]).toMatchObject({ stage, done: 0, total: weights.length, unit: "bytes" });
    expect(reports.at(-1)).toMatchObject({ done: weights.length, secondsLeft: 0 });

    const asked = scene.hub.seen.length;
    expect(await fetchHubFile(main, { offline: true })).toEqual(got);
    expect(await fetchHubFile({ ...main, revision: scene.hub.commit })).toEqual(got);
    expect(await fetchHubFile({ ...main, sha256: got.sha256 })).toEqual(got);
    expect(await hubFileInCache(main)).toEqual(got);
    expect(await hubFileInCache({ ...main, file: "other.bin" })).toBeUndefined();
    expect(scene.hub.seen).toHaveLength(asked);
  });

  it("fetches a small file through the hub's relative redirect, checked by git's hash", async () => {
    expect((await scene.fetched({ ...main, file: "config.json" })).equals(config)).toBe(true);
    scene.hub.commit = "d1".repeat(20);
    scene.hub.interfere = ({ method, path }, response) => {
      if (method !== "GET" || !path.startsWith("/api/")) return false;
      response.end(config.toString().replace("50", "51"));
      return true;
    };
    await expect(scene.fetched({ ...main, file: "config.json" })).rejects.toThrow(
      "its sha1 differs): nothing was kept",
    );
    expect(await scene.blobs()).toEqual([`${sha256Of(config)}.json`]);
  });

  it("asks for the commit of a branch, and fetches no content twice", async () => {
    await fetchHubFile(main);
    scene.hub.commit = "d1".repeat(20);
    expect(await fetchHubFile(main)).toMatchObject({ commit: scene.hub.commit, sha256: sha256Of(weights) });
    expect(scene.hub.sent()).toBe(weights.length);
    expect(await hubFileInCache(main)).toMatchObject({ commit: scene.hub.commit });
    scene.hub.publish(repo, "model.safetensors", noise(1000, 7), "large");
    scene.hub.commit = "e2".repeat(20);
    expect((await scene.fetched()).equals(noise(1000, 7))).toBe(true);
  });

  it("accepts only the pinned file, and fails before anything is transferred", async () => {
    const pinned = { ...main, sha256: sha256Of(config) };
    await expect(scene.fetched(pinned)).rejects.toThrow(
      /offers a different .* than is pinned \(sha256 [0-9a-f]{12}… instead of/,
    );
    expect(scene.hub.sent()).toBe(0);
    // If the hub states no hash, only the pin decides.
    scene.hub.publish(repo, "small.json", config, "small");
    expect((await scene.fetched({ ...pinned, file: "small.json" })).equals(config)).toBe(true);
    await expect(scene.fetched({ ...main, file: "config.json", sha256: sha256Of(weights) })).rejects.toThrow(
      "sha256 differs",
    );
  });

  it("does not accept a cached file with another hash as the pinned one", async () => {
    await scene.fetched();
    const pinned = { ...main, sha256: sha256Of(config) };
    expect(await hubFileInCache(pinned)).toBeUndefined();
    await expect(fetchHubFile(pinned, { offline: true })).rejects.toThrow("is not in the cache and Graft is offline");
  });

  it("requires the file of a commit to have the hash of the first download", async () => {
    const { path } = await fetchHubFile(main);
    await rm(path);
    scene.hub.publish(repo, "model.safetensors", noise(5000, 3), "large");
    await expect(scene.fetched({ ...main, revision: scene.hub.commit })).rejects.toThrow("than was fetched before");
    scene.hub.publish(repo, "model.safetensors", weights, "large");
    expect((await scene.fetched()).equals(weights)).toBe(true);
  });

  it("fetches damaged files in the cache again", async () => {
    const { path } = await fetchHubFile(main);
    await writeFile(path, "short");
    expect((await scene.fetched()).equals(weights)).toBe(true);
    const records = join(scene.home, "cache/huggingface/models/timm--resnet50.a1_in1k/commits", scene.hub.commit);
    await writeFile(join(records, "model.safetensors.json"), '{"sha');
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(scene.hub.sent()).toBe(2 * weights.length);
  });

  it("accepts a plain web server with the paths of a hub as a mirror if the commit is given", async () => {
    scene.hub.interfere = ({ method }, response) => {
      response.setHeader("content-length", weights.length);
      response.end(method === "HEAD" ? undefined : weights);
      return true;
    };
    const of = { ...main, revision: scene.hub.commit };
    expect((await scene.fetched(of)).equals(weights)).toBe(true);
    expect(await hubFileInCache(of)).toMatchObject({ sha256: sha256Of(weights) });
  });

  it("fetches once for several callers at the same time", async () => {
    const all = await Promise.all([main, main, { ...main, sha256: sha256Of(weights) }].map((of) => fetchHubFile(of)));
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    expect(scene.hub.sent()).toBe(weights.length);
  });
});
