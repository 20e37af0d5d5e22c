import { describe, expect, it, vi } from "vitest";
import { openTestHub } from "./testing.ts";
import { config, main, setScene, weights } from "./testing-scene.ts";

const scene = setScene();

describe("redirects", () => {
  it("sends the token only to the hub", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret");
    await scene.fetched();
    await scene.fetched({ ...main, file: "config.json" });
    expect(new Set(scene.hub.seen.filter(({ server }) => server === "hub").map((seen) => seen.authorization))).toEqual(
      new Set(["Bearer hf_secret"]),
    );
    const stored = scene.hub.seen.filter(({ server }) => server === "storage");
    expect(stored.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it("follows a renamed repository and a mirror that redirects to the hub", async () => {
    scene.hub.interfere = ({ path, server }, response) => {
      if (server !== "hub" || !path.startsWith("/old/")) return false;
      response.writeHead(307, { location: path.replace("/old/", "/timm/") }).end();
      return true;
    };
    expect((await scene.fetched({ ...main, repo: "old/resnet50.a1_in1k" })).equals(weights)).toBe(true);
    const mirror = await openTestHub();
    mirror.interfere = ({ path }, response) => {
      response.writeHead(308, { location: `${scene.hub.url}${path.replace("/hf/", "/")}` }).end();
      return true;
    };
    vi.stubEnv("HF_ENDPOINT", `${mirror.url}/hf/`);
    vi.stubEnv("HF_TOKEN", "hf_secret");
    expect((await scene.fetched({ ...main, file: "config.json" })).equals(config)).toBe(true);
    expect(scene.hub.seen.map(({ authorization }) => authorization)).not.toContain("Bearer hf_secret");
    await mirror.close();
  });

  it.each([
    ["a loop", (path: string) => path, "more than 10 times"],
    ["another scheme", () => "file:///etc/passwd", "not plain http(s)"],
    ["a password", () => "http://a:b@127.0.0.1/", "not plain http(s)"],
    ["nonsense", () => "http://[", "to an invalid address"],
  ])("does not follow %s", async (_, location, sentence) => {
    scene.hub.interfere = ({ path }, response) => {
      response.writeHead(302, { location: location(path) }).end();
      return true;
    };
    await expect(scene.fetched()).rejects.toThrow(sentence);
  });

  it("does not follow from https to http", async () => {
    const asked: string[] = [];
    vi.stubEnv("HF_ENDPOINT", "https://hub.test");
    vi.stubGlobal("fetch", async (url: URL) => {
      asked.push(url.href);
      return new Response(null, { status: 302, headers: { location: "http://hub.test/x" } });
    });
    await expect(scene.fetched()).rejects.toThrow("from https to http, where anyone could change it");
    expect(asked).toHaveLength(1);
    vi.unstubAllGlobals();
  });
});
