import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fetchHubFile } from "./hub-fetch.ts";
import { gitBlobOf, noise, sha256Of } from "./testing.ts";
import { blob, config, main, setScene, weights } from "./testing-scene.ts";

const scene = setScene();

describe("with the cache of Python's huggingface_hub", () => {
  const put = async (file: string, bytes: Uint8Array, name: string) => {
    const model = join(scene.home, "python", "models--timm--resnet50.a1_in1k");
    for (const folder of ["refs", "blobs", `snapshots/${scene.hub.commit}`]) {
      await mkdir(join(model, folder), { recursive: true });
    }
    await writeFile(join(model, "refs", "main"), scene.hub.commit);
    await writeFile(join(model, "blobs", name), bytes, { mode: 0o444 });
    await symlink(`../../blobs/${name}`, join(model, "snapshots", scene.hub.commit, file));
  };

  it("uses a file from it, even without a network", async () => {
    await put("model.safetensors", weights, sha256Of(weights));
    await put("config.json", config, gitBlobOf(config));
    const got = await fetchHubFile(main, { offline: true });
    expect(got).toMatchObject({ sha256: sha256Of(weights), commit: scene.hub.commit });
    expect(got.path).toBe(join(scene.home, "cache", "huggingface", "blobs", blob));
    expect(await fetchHubFile({ ...main, file: "config.json", revision: scene.hub.commit })).toMatchObject({
      sha256: sha256Of(config),
    });
    expect(scene.hub.seen).toEqual([]);
    expect(await scene.blobs()).toHaveLength(2);
  });

  it("asks the hub for the commit of a branch, but not for existing bytes", async () => {
    await put("model.safetensors", weights, sha256Of(weights));
    await fetchHubFile(main);
    expect(scene.hub.seen.map(({ method }) => method)).toEqual(["HEAD"]);
  });

  it("does not trust it", async () => {
    await put("config.json", config, sha256Of(config));
    const pinned = { ...main, file: "config.json", sha256: sha256Of(weights) };
    await expect(fetchHubFile(pinned, { offline: true })).rejects.toThrow("is offline");
    await put("model.safetensors", noise(500), sha256Of(weights));
    await expect(fetchHubFile(main, { offline: true })).rejects.toThrow("is offline");
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(await scene.blobs()).toEqual([blob]);
  });
});
