import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { hubFileOf } from "./hub-address.ts";
import { hubFileInCache } from "./hub-fetch.ts";
import { main, repo, setScene } from "./testing-scene.ts";

const scene = setScene();

describe("names of files and hubs", () => {
  it("distinguishes a file on a hub from a path", () => {
    expect(hubFileOf("hf:timm/x.y/model.safetensors")).toEqual({ ...main, repo: "timm/x.y" });
    expect(hubFileOf("hf:a/b/c/d.h5@v1/x")).toEqual({ repo: "a/b", file: "c/d.h5", revision: "v1/x" });
    expect(hubFileOf("weights/hf:a/b/c")).toBeUndefined();
    for (const text of ["hf:", "hf:a", "hf:a/b", "hf:a/b/", "hf://a/b/c", "hf:a/b/c@"])
      expect(() => hubFileOf(text)).toThrow(/write it as hf:OWNER\/NAME\/FILE/);
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
    await expect(scene.fetched({ ...main, ...change })).rejects.toMatchObject({ kind: "usage" });
    await expect(hubFileInCache({ ...main, ...change })).rejects.toMatchObject({ kind: "usage" });
    expect(scene.hub.seen).toEqual([]);
    expect(await readdir(scene.home)).toEqual([]);
  });

  it("keeps files with unusual but valid names inside the cache", async () => {
    for (const file of ["onnx/model (1).onnx", "a/b/c.d/..e", "ä*ö.bin", "con"]) {
      scene.hub.publish(repo, file, Buffer.from(file), "large");
      expect((await scene.fetched({ ...main, file })).toString()).toBe(file);
    }
    const records = join(scene.home, "cache/huggingface/models/timm--resnet50.a1_in1k/commits", scene.hub.commit);
    expect((await readdir(records)).sort()).toEqual([
      "%C3%A4%2A%C3%B6.bin.json",
      "a%2Fb%2Fc.d%2F..e.json",
      "con.json",
      "onnx%2Fmodel%20(1).onnx.json",
    ]);
    expect(await readdir(scene.home)).toEqual(["cache"]);
  });

  it.each([["ftp://x"], ["huggingface.co"], ["https://ada:secret@host"], ["https://host?a=b"]])(
    "refuses HF_ENDPOINT=%s, and shows no password",
    async (endpoint) => {
      vi.stubEnv("HF_ENDPOINT", endpoint);
      const failing = scene.fetched();
      await expect(failing).rejects.toThrow("HF_ENDPOINT must be a plain http(s) address");
      await expect(failing).rejects.not.toThrow("secret");
    },
  );
});
