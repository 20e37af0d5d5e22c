import { describe, expect, it, vi } from "vitest";
import { fetchHubFile } from "./hub-fetch.ts";
import { openTestHub } from "./testing.ts";
import { main, setScene } from "./testing-scene.ts";

const scene = setScene();

describe("hub failures", () => {
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
      /has no repository timm\/no that everyone may read \(HTTP 401\)/,
    ],
  ])("says what to do about %s", async (_, of, sentence) => {
    const failing = scene.fetched(of);
    await expect(failing).rejects.toThrow(sentence);
    await expect(failing).rejects.toMatchObject({ kind: "work" });
    expect(scene.waits).toEqual([]);
  });

  it.each([
    [
      401,
      "GatedRepo",
      "",
      /requires its licence to be accepted .*: accept it at .*resnet50.a1_in1k and set HF_TOKEN to a/,
    ],
    [403, "GatedRepo", "hf_mine", /set HF_TOKEN to a token that may read it \(the one set may not\)/],
    [
      403,
      "",
      "",
      /refused .* \(HTTP 403\): if .*resnet50.a1_in1k has a licence to accept, accept it, and set HF_TOKEN/,
    ],
    [401, "", "hf_mine", /that the token in HF_TOKEN may read/],
    [404, "", "", /has no timm.*model.safetensors at revision main \(HTTP 404\)/],
    [418, "", "", /refused .* \(HTTP 418\)/],
  ])("says what a %i (%s) means", async (status, code, token, sentence) => {
    vi.stubEnv("HF_TOKEN", token);
    scene.hub.interfere = (_, response) => {
      response.writeHead(status, { "x-error-code": code, "x-error-message": "hf_secret <b>" }).end();
      return true;
    };
    const failing = scene.fetched();
    await expect(failing).rejects.toThrow(sentence);
    await expect(failing).rejects.not.toThrow(/hf_/);
  });

  it("offers the cached copy if the hub is unreachable", async () => {
    await scene.fetched();
    vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
    await expect(scene.fetched()).rejects.toThrow(
      "pass --offline to use the copy in the cache (commit c0c0c0c0), or pass a file with --weights.",
    );
  });

  it("gives the remedy without a network and when offline", async () => {
    await scene.hub.close();
    await expect(scene.fetched()).rejects.toThrow(
      `Could not reach ${scene.hub.url} (ECONNREFUSED): check the connection, set HF_ENDPOINT to a mirror, or pass a file with --weights.`,
    );
    expect(scene.waits).toEqual([]);
    vi.stubEnv("HTTPS_PROXY", "http://proxy:3128");
    await expect(scene.fetched()).rejects.toThrow("set NODE_USE_ENV_PROXY=1 to use HTTPS_PROXY");
    await expect(fetchHubFile(main, { offline: true })).rejects.toThrow(
      "is not in the cache and Graft is offline: run once without --offline",
    );
    scene.hub = await openTestHub();
  });

  it.each([
    ["negative", "-5"],
    ["in words", "many"],
    ["of 10^20", "100000000000000000000"],
  ])("refuses a stated size that is %s", async (_, size) => {
    scene.hub.interfere = (_, response) => {
      response.writeHead(302, { "x-linked-size": size, "x-repo-commit": scene.hub.commit, location: "/x" }).end();
      return true;
    };
    await expect(scene.fetched()).rejects.toThrow("sends a size that is not a number of bytes");
  });

  it("refuses a length that is not valid HTTP", async () => {
    scene.hub.interfere = (_, response) => {
      response.socket?.end("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n");
      return true;
    };
    await expect(scene.fetched()).rejects.toThrow(/a response that is not valid HTTP \((HPE_\w+|HTTPParserError)\)/);
  });

  it("refuses a hub that states another commit or none", async () => {
    const asked = { ...main, revision: "d1".repeat(20) };
    scene.hub.interfere = (_, response) => {
      response.writeHead(200, { "x-repo-commit": scene.hub.commit, "content-length": 5 }).end();
      return true;
    };
    await expect(scene.fetched(asked)).rejects.toThrow("answers with a commit other than d1d1");
    scene.hub.interfere = (_, response) => {
      response.writeHead(200, { "content-length": 5 }).end();
      return true;
    };
    await expect(scene.fetched()).rejects.toThrow("does not say which commit main is (no X-Repo-Commit)");
  });
});
