/**
 * For tests only: a hub with one repository, an empty cache, and an environment that points to both, new for each test.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import type { HubFile } from "./hub-address.ts";
import { fetchHubFile } from "./hub-fetch.ts";
import type { RetryPolicy } from "./hub-request.ts";
import { noise, openTestHub, sha256Of, type TestHub } from "./testing.ts";

/** The repository of every scene, and its two files. */
export const repo = "timm/resnet50.a1_in1k";
export const weights = noise(200_000);
export const config = Buffer.from('{"architecture":"resnet50"}');
/** The large file at its branch. */
export const main: HubFile = { repo, file: "model.safetensors", revision: "main" };
/** The name of its content in the cache. */
export const blob = `${sha256Of(weights)}.safetensors`;

/** A hub with {@link repo}, an empty cache, and an environment that points to both; new for each test. */
export interface Scene {
  hub: TestHub;
  /** A folder that holds `cache` (Graft's) and `python` (huggingface_hub's), neither of which exists yet. */
  home: string;
  /** The waits between tries, in milliseconds; no test really waits. */
  waits: number[];
  readonly retryPolicy: Partial<RetryPolicy>;
  /** The names in the folder of contents. */
  blobs(): Promise<string[]>;
  /** The bytes of a fetched file. */
  fetched(of?: HubFile): Promise<Buffer>;
}

/** Sets a scene for each test of the file. */
export function setScene(): Scene {
  const scene: Scene = {
    hub: undefined as unknown as TestHub,
    home: "",
    waits: [],
    retryPolicy: {
      tries: 3,
      firstWaitMs: 1000,
      wait: async (milliseconds) => {
        scene.waits.push(milliseconds);
      },
    },
    blobs: async () => (await readdir(join(scene.home, "cache", "huggingface", "blobs"))).sort(),
    fetched: async (of = main) => await readFile((await fetchHubFile(of, { retryPolicy: scene.retryPolicy })).path),
  };
  beforeEach(async () => {
    scene.home = await mkdtemp(join(tmpdir(), "graft-hub-"));
    scene.hub = await openTestHub();
    scene.hub.publish(repo, "model.safetensors", weights, "large");
    scene.hub.publish(repo, "config.json", config, "small");
    scene.waits = [];
    vi.stubEnv("GRAFT_CACHE", join(scene.home, "cache"));
    vi.stubEnv("HF_ENDPOINT", scene.hub.url);
    vi.stubEnv("HF_TOKEN", "");
    vi.stubEnv("HF_HUB_CACHE", join(scene.home, "python"));
    for (const proxy of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]) vi.stubEnv(proxy, "");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await scene.hub.close();
    await rm(scene.home, { recursive: true, force: true });
  });
  return scene;
}
