/** Several processes at once, a killed process, and a full disk. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fetchHubFile, hubFileInCache } from "./hub-fetch.ts";
import { noise, sha256Of } from "./testing.ts";
import { blob, main, setScene, weights } from "./testing-scene.ts";

const scene = setScene();
const part = () => join(scene.home, "cache", "huggingface", "blobs", `${sha256Of(weights)}.part`);

/** A separate process that fetches {@link main} with this test's environment and prints the result. */
function startFetch(): { child: ChildProcess; printed: Promise<string> } {
  const module = new URL("./hub-fetch.ts", import.meta.url).href;
  const code = `import { fetchHubFile } from ${JSON.stringify(module)};
    console.log((await fetchHubFile(${JSON.stringify(main)})).path);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return { child, printed: once(child, "close").then(() => text.trim()) };
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("processes that share a cache", () => {
  it("fetch a file once", async () => {
    scene.hub.interfere = ({ server }, response) => {
      if (server !== "storage") return false;
      // Sent after both have asked the hub for the metadata.
      const asked = () => scene.hub.seen.filter(({ method }) => method === "HEAD").length;
      void until(() => asked() === 2).then(() => response.end(weights));
      return true;
    };
    const paths = await Promise.all([startFetch().printed, startFetch().printed]);
    expect(paths).toEqual(Array(2).fill(join(scene.home, "cache", "huggingface", "blobs", blob)));
    expect((await readFile(paths[0]!)).equals(weights)).toBe(true);
    expect(scene.hub.seen.filter(({ server }) => server === "storage")).toHaveLength(1);
    expect(await scene.blobs()).toEqual([blob]);
  });

  it("leave a partial file to resume from, and no bad file, when killed", async () => {
    scene.hub.interfere = ({ server }, response) => {
      if (server !== "storage") return false;
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 90_000));
      return true;
    };
    const { child, printed } = startFetch();
    await until(() => existsSync(part()) && statSync(part()).size === 90_000);
    child.kill("SIGKILL");
    expect(await printed).toBe("");
    expect(await hubFileInCache(main)).toBeUndefined();
    scene.hub.interfere = undefined;
    expect((await scene.fetched()).equals(weights)).toBe(true);
    expect(scene.hub.seen.at(-1)?.range).toBe("bytes=90000-");
    expect(scene.hub.sent()).toBe(weights.length - 90_000);
    expect(await scene.blobs()).toEqual([blob]);
  });

  it("notice a partial file that belongs to another file", async () => {
    scene.hub.interfere = ({ server }, response) => {
      if (server === "storage") response.writeHead(500).end();
      return server === "storage";
    };
    await expect(scene.fetched()).rejects.toThrow("HTTP 500");
    await writeFile(part(), noise(1000, 5));
    scene.hub.interfere = undefined;
    await expect(scene.fetched()).rejects.toThrow("its sha256 differs): nothing was kept");
    expect((await scene.fetched()).equals(weights)).toBe(true);
  });
});

describe("a full disk", () => {
  it("gives one sentence; with space freed, the transfer resumes", async ({ skip }) => {
    const folder = join(scene.home, "small");
    await mkdir(folder);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=120k", "tmpfs", folder], { stdio: "ignore" });
    } catch {
      skip("mounting a tmpfs is not permitted here");
    }
    try {
      vi.stubEnv("GRAFT_CACHE", folder);
      await expect(scene.fetched()).rejects.toThrow(/Could not write .*\.part: the disk is full: free some space/);
      expect(await hubFileInCache(main)).toBeUndefined();
      execFileSync("mount", ["-o", "remount,size=1m", folder]);
      const { path } = await fetchHubFile(main);
      expect((await readFile(path)).equals(weights)).toBe(true);
      expect(scene.hub.seen.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
    } finally {
      execFileSync("umount", [folder]);
    }
  });
});
